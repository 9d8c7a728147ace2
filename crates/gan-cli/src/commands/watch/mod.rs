//! `gan-cli watch`: pages that follow runs, served to this machine alone.
//!
//! [`site`] says what is answered; here it goes over the wire.

mod site;

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use gan_run::problem::Problem;
use gan_run::run_dir::{self, RUNS};
use gan_run::text::shell_word;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::output::Output;
use site::{Answer, Asked, Site};

/// Time that a browser may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time until the next connection is looked for where one could not be taken.
const PAUSE: Duration = Duration::from_millis(200);

/// `gan-cli watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Directories of runs, or folders of them [default: runs].
    #[arg(value_name = "RUN | DIR")]
    from: Vec<PathBuf>,
    /// Port on 127.0.0.1; 0 is one that is free.
    #[arg(long, value_name = "N", default_value_t = 7878)]
    port: u16,
}

/// `gan-cli watch`.
pub(crate) fn run(args: &WatchArgs, output: Output) -> Result<ExitCode, Problem> {
    let from = match args.from.is_empty() {
        true => vec![PathBuf::from(RUNS)],
        false => args.from.iter().map(|path| run_dir::find(path)).collect(),
    };
    if let Some(missing) = from.iter().find(|path| !path.is_dir()) {
        return Err(Problem::usage(format!(
            "{}: found no directory, expected one of a run, or a folder of such",
            missing.display()
        ))
        .hint("this trains a run to watch: gan-cli train ring8"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::failed(format!("cannot wait for connections: {error}")))?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await;
        let listener = listener.map_err(|error| no_port(args, &error))?;
        let address = listener
            .local_addr()
            .map_err(|error| no_port(args, &error))?;
        output.line(format!("watch    http://{address}/"));
        output.line("         Ctrl-C ends it");
        let site = Arc::new(Mutex::new(Site::new(from, address.port())));
        loop {
            serve(&listener, &site).await;
        }
    })
}

/// Takes one connection and answers what comes over it, while others are waited for.
async fn serve(listener: &TcpListener, site: &Arc<Mutex<Site>>) {
    let Ok((stream, _)) = listener.accept().await else {
        // As with too many open files.
        return tokio::time::sleep(PAUSE).await;
    };
    let site = site.clone();
    tokio::spawn(async move {
        let service = service_fn(|request: Request<Incoming>| {
            let mut site = site.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = site.answer(&asked(&request));
            ready(Ok::<_, Infallible>(response(answer)))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(stream), service);
        // A browser that goes away is no fault.
        let _ = connection.await;
    });
}

fn asked(request: &Request<Incoming>) -> Asked<'_> {
    let header = |name: HeaderName| -> Option<&str> { request.headers().get(name)?.to_str().ok() };
    let uri = request.uri();
    Asked {
        method: request.method().as_str(),
        // An address that is whole overrules the header.
        host: uri
            .authority()
            .map(|host| host.as_str())
            .or(header(header::HOST)),
        path: uri.path(),
        query: uri.query().unwrap_or_default(),
        known: header(header::IF_NONE_MATCH),
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut headers = HeaderMap::new();
    let fixed = [
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::CONTENT_TYPE, answer.kind),
    ];
    for (name, value) in fixed {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    if let Some(tag) = answer.tag.and_then(|tag| tag.try_into().ok()) {
        headers.insert(header::ETAG, tag);
    }
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    *response.headers_mut() = headers;
    response
}

/// The port cannot be had.
fn no_port(args: &WatchArgs, error: &io::Error) -> Problem {
    let (port, from) = (args.port, args.from.iter());
    let from: String = from.map(|path| format!("{} ", shell_word(path))).collect();
    let found = match error.kind() {
        io::ErrorKind::AddrInUse => "found another program that listens there".to_owned(),
        _ => error.to_string(),
    };
    Problem::failed(format!(
        "--port {port}: {found}, expected a port that is free"
    ))
    .hint(format!(
        "this takes one that is: gan-cli watch {from}--port 0"
    ))
}

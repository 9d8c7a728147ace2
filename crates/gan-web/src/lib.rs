//! The trainer as a module of WebAssembly: `gan-run`'s live game, asked in JSON.
//!
//! A page has one game. It writes a request, JSON and perhaps the bytes of a file behind it, into
//! [`lab_room`], calls [`lab_call`], and reads the parts of the answer: JSON, 32-bit floats that the
//! JSON says the places of, and the bytes of a file. What can be asked stands in `request.rs`.
//! Everything that a page shows in words or numbers comes from here, so that page and program say
//! the same; `web/` draws it.
//!
//! It runs on one thread: a page gives it a worker of its own, and decides how long a call may take by
//! the number of iterations that it asks for, since there is no clock here.

mod answer;
mod lab;
mod request;

use std::cell::RefCell;
use std::sync::Mutex;

pub use lab::Lab;

/// The game of the page, and what passes between the two.
#[derive(Default)]
struct Desk {
    lab: Lab,
    input: Vec<u8>,
    json: Vec<u8>,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

/// The message of the panic that ended the module.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// Room for a request of `length` bytes.
#[unsafe(no_mangle)]
pub extern "C" fn lab_room(length: usize) -> *mut u8 {
    DESK.with_borrow_mut(|desk| {
        desk.input.clear();
        desk.input.resize(length, 0);
        desk.input.as_mut_ptr()
    })
}

/// Answers the request in the room, whose first `json` bytes are JSON and the others a file.
#[unsafe(no_mangle)]
pub extern "C" fn lab_call(json: usize) {
    std::panic::set_hook(Box::new(|info| {
        if let Ok(mut message) = PANIC.lock() {
            *message = info.to_string();
        }
    }));
    DESK.with_borrow_mut(|desk| {
        let (request, file) = desk.input.split_at(json.min(desk.input.len()));
        desk.json = desk.lab.answer(request, file).into_bytes();
    });
}

/// A part of the last answer.
fn part(which: u32) -> (*const u8, usize) {
    fn bytes<T>(values: &[T]) -> (*const u8, usize) {
        (values.as_ptr().cast(), size_of_val(values))
    }
    if which == 3 {
        let message = PANIC.lock();
        return message.map_or((std::ptr::null(), 0), |message| bytes(message.as_bytes()));
    }
    DESK.with_borrow(|desk| match which {
        0 => bytes(&desk.json),
        1 => bytes(desk.lab.floats()),
        _ => bytes(desk.lab.file()),
    })
}

/// Where a part of the last answer is: 0 the JSON, 1 the floats, 2 the file, and 3, after a trap, the
/// message of the panic.
#[unsafe(no_mangle)]
pub extern "C" fn lab_part(which: u32) -> *const u8 {
    part(which).0
}

/// How many bytes it has.
#[unsafe(no_mangle)]
pub extern "C" fn lab_length(which: u32) -> usize {
    part(which).1
}

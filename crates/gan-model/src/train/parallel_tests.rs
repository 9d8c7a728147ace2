//! Games of several microbatches: against one minibatch, and on several threads against one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gan_kernels::{BackendError, DirectExchange, MonitorSums, Moved, Native};

use super::tests::{changed, data_of, snapshot, trainer, variants};
use super::*;
use crate::config::*;
use crate::parallel::{
    CommunicationError, Communicator, Link, ParallelError, ThreadCommunicator, thread_communicators,
};
use crate::train::test_game;
use crate::{Checkpoint, Metrics};

/// Every kind of game, in four microbatches of one or two packs.
fn games() -> Vec<GameConfig> {
    let cut = |config| {
        changed(config, |c| {
            c.game.minibatch = 8 * c.game.pack;
            c.game.microbatches = 4;
            if let Some(OptimizerConfig::Momentum {
                max_column_norm, ..
            }) = Some(&mut c.optimizer)
            {
                *max_column_norm = Some(0.9);
            }
        })
    };
    variants().into_iter().map(cut).collect()
}

fn start(
    config: &GameConfig,
    communicator: Box<dyn Communicator>,
) -> Result<Trainer<Native<f32>>, ParallelError> {
    let backend = Native::new(Some(1)).unwrap();
    Trainer::parallel(backend, config, 11, data_of(config), communicator)
}

/// Runs `play` with the trainer of the first of `processes` threads, which the others follow; each
/// begins with `restored`, if it is something.
fn play<R: Send>(
    config: &GameConfig,
    processes: usize,
    restored: Option<&(Checkpoint, Vec<MonitorSums>)>,
    play: impl FnOnce(&mut Trainer<Native<f32>>) -> R + Send,
) -> R {
    let begin = |communicator: ThreadCommunicator| {
        let mut trainer = start(config, Box::new(communicator)).unwrap();
        if let Some((checkpoint, sums)) = restored {
            trainer.restore(checkpoint).unwrap();
            trainer.give_back_sums(sums);
        }
        trainer
    };
    let mut all = thread_communicators(processes).into_iter();
    let first = all.next().unwrap();
    thread::scope(|scope| {
        for communicator in all {
            scope.spawn(move || begin(communicator).follow().unwrap());
        }
        play(&mut begin(first))
    })
}

/// What is seen of a game: a checkpoint with the sums of its reading, numbers, samples.
type Seen = ((Checkpoint, Vec<MonitorSums>), String, Vec<f32>);

fn seen(trainer: &mut Trainer<Native<f32>>) -> Seen {
    let read = |metrics: Result<Metrics, BackendError>| format!("{:?}", metrics.unwrap());
    let mut numbers = String::new();
    for _ in 0..4 {
        (0..25).for_each(|_| trainer.step());
        numbers += &read(trainer.take_metrics());
    }
    (0..7).for_each(|_| trainer.step());
    let sums = trainer.sums().unwrap();
    let checkpoint = trainer.checkpoint(String::new(), BTreeMap::new()).unwrap();
    (0..9).for_each(|_| trainer.step());
    numbers += &read(trainer.take_metrics());
    let samples = trainer.sample(3, 0, 50).unwrap();
    ((checkpoint, sums), numbers, samples)
}

/// From matrix to matrix of threads, as a network between devices would.
struct DirectThreads(ThreadCommunicator);

impl DirectThreads {
    /// Makes `call` of each group of blocks, with its words and room for those that arrive.
    fn each_group(
        &mut self,
        backend: &Native<f32>,
        moved: Vec<Moved<'_, Native<f32>>>,
        call: fn(&mut ThreadCommunicator, &[u32], &mut [u32]),
    ) -> Result<(), BackendError> {
        for Moved {
            send,
            receive,
            groups,
        } in moved
        {
            let rows = send.row_count() / groups;
            let mut arrived = vec![0; receive.row_count() * receive.cols()];
            let room = arrived.chunks_exact_mut(receive.row_count() / groups * receive.cols());
            for (group, room) in room.enumerate() {
                let values = backend.read(send.rows(group * rows, rows))?;
                let words: Vec<_> = values.into_iter().map(f32::to_bits).collect();
                call(&mut self.0, &words, room);
            }
            let arrived: Vec<_> = arrived.into_iter().map(f32::from_bits).collect();
            backend.write(receive, &arrived);
        }
        Ok(())
    }
}

impl DirectExchange<Native<f32>> for DirectThreads {
    fn all_to_all(
        &mut self,
        backend: &Native<f32>,
        moved: Vec<Moved<'_, Native<f32>>>,
    ) -> Result<(), BackendError> {
        self.each_group(backend, moved, |threads, words, room| {
            let counts = vec![words.len() / threads.size(); threads.size()];
            threads.all_to_all(words, &counts, room, &counts).unwrap();
        })
    }

    fn all_gather(
        &mut self,
        backend: &Native<f32>,
        moved: Vec<Moved<'_, Native<f32>>>,
    ) -> Result<(), BackendError> {
        self.each_group(backend, moved, |threads, words, room| {
            let counts = vec![words.len(); threads.size()];
            threads.all_gather(words, room, &counts).unwrap();
        })
    }
}

#[test]
fn the_way_from_device_to_device_gives_the_same_bits() {
    for config in games() {
        let one = play(&config, 1, None, seen);
        for processes in [2, 4] {
            let begin = |by_host: ThreadCommunicator, direct: ThreadCommunicator| {
                let backend = Native::new(Some(1)).unwrap();
                let (link, data) = (Link::new(Box::new(by_host)).unwrap(), data_of(&config));
                let direct: Box<dyn DirectExchange<_>> = Box::new(DirectThreads(direct));
                Trainer::with_link(backend, &config, 11, data, link, Some(direct)).unwrap()
            };
            let all = [(); 2].map(|()| thread_communicators(processes).into_iter());
            let [by_host, direct] = all;
            let mut all = by_host.zip(direct);
            let (by_host, direct) = all.next().unwrap();
            let found = thread::scope(|scope| {
                for (by_host, direct) in all {
                    scope.spawn(|| begin(by_host, direct).follow().unwrap());
                }
                seen(&mut begin(by_host, direct))
            });
            assert_eq!(found, one);
        }
    }
}

#[test]
fn numbers_of_64_bits_travel_whole() {
    let config = games().remove(0);
    let played = |processes: usize| {
        let begin = |communicator: ThreadCommunicator| {
            let backend = Native::<f64>::new(Some(1)).unwrap();
            let (data, way) = (data_of(&config), Box::new(communicator));
            Trainer::parallel(backend, &config, 11, data, way).unwrap()
        };
        let mut all = thread_communicators(processes).into_iter();
        let first = all.next().unwrap();
        thread::scope(|scope| {
            for communicator in all {
                scope.spawn(move || begin(communicator).follow().unwrap());
            }
            let mut trainer = begin(first);
            (0..20).for_each(|_| trainer.step());
            let layers = trainer.generator.layers.iter();
            let values = layers.map(|layer| trainer.backend.read(layer.w.all()).unwrap());
            values.collect::<Vec<_>>()
        })
    };
    assert_eq!(played(2), played(1));
}

#[test]
fn any_number_of_processes_gives_the_same_bits() {
    for config in games() {
        let one = play(&config, 1, None, seen);
        let (kept, numbers, samples) = &one;
        assert!(kept.0.is_finite(), "{config:?}");
        for processes in [2, 4] {
            assert_eq!(play(&config, processes, None, seen), one);
        }
        // One goes on where another number stopped.
        for processes in [1, 2, 4] {
            let (end, sampled) = play(&config, processes, Some(kept), |trainer| {
                (0..9).for_each(|_| trainer.step());
                let metrics = trainer.take_metrics().unwrap();
                (format!("{metrics:?}"), trainer.sample(3, 0, 50).unwrap())
            });
            assert!(numbers.ends_with(&end), "{end} is no end of {numbers}");
            assert_eq!(&sampled, samples);
        }
    }
}

/// D moves against a G that makes the same sample of every latent, so that both see the same rows.
#[test]
fn microbatches_sum_to_the_gradient_of_their_minibatch() {
    for config in [games()[0].clone(), games()[4].clone(), games()[5].clone()] {
        let whole = changed(config, |c| {
            c.game.microbatches = 1;
            // Adam would make steps of roundings.
            c.optimizer = test_game().optimizer;
            let layers = c.generator.layers.iter_mut();
            layers.for_each(|layer| layer.init = Some(0.0));
            let layers = c.discriminator.layers.iter_mut();
            layers.for_each(|layer| layer.keep = 1.0);
        });
        // Points between data and samples have addresses of their own.
        let whole = changed(whole, |c| {
            if c.discriminator.max_spectral_norm.is_some() {
                c.game.penalty = None;
            }
        });
        let parts = changed(whole.clone(), |c| c.game.microbatches = 4);
        let [mut a, mut b] = [&whole, &parts].map(|config| trainer::<f32>(config, 1));
        for trainer in [&mut a, &mut b] {
            trainer.set_moves(Moves::Discriminator);
            (0..20).for_each(|_| trainer.step());
        }
        let metrics = [&mut a, &mut b].map(|trainer| trainer.take_metrics().unwrap());
        let [a, b] = [&mut a, &mut b].map(snapshot);
        for (name, shape) in a.tensors() {
            assert!(b.tensors().any(|other| other == (name, shape)), "{name}");
            let pairs = a
                .tensor(name)
                .unwrap()
                .into_iter()
                .zip(b.tensor(name).unwrap());
            for (a, b) in pairs {
                assert!((a - b).abs() < 2e-5 + 1e-4 * a.abs(), "{name}: {a} and {b}");
            }
        }
        let [a, b] = metrics;
        for (a, b) in [
            (a.value, b.value),
            (a.discriminator_objective, b.discriminator_objective),
            (a.discriminator_gradient, b.discriminator_gradient),
            (a.d_data, b.d_data),
        ] {
            assert!((a - b).abs() < 1e-4 * (1.0 + a.abs()), "{a} and {b}");
        }
    }
}

#[test]
fn processes_that_do_not_fit_together_are_errors() {
    let config = games().remove(0);
    let error = |other: &(dyn Fn(&mut GameConfig) + Sync), processes| {
        let all = thread_communicators(processes);
        let found = thread::scope(|scope| {
            let spawn = |(rank, communicator)| {
                let config = match rank {
                    0 => config.clone(),
                    _ => changed(config.clone(), other),
                };
                scope.spawn(move || start(&config, Box::new(communicator)).err())
            };
            let threads: Vec<_> = all.into_iter().enumerate().map(spawn).collect();
            let found = threads.into_iter().map(|thread| thread.join().unwrap());
            found.collect::<Vec<_>>()
        });
        let texts: Vec<_> = found
            .iter()
            .map(|error| error.as_ref().unwrap().to_string())
            .collect();
        assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
        texts[0].clone()
    };
    let text = error(&|c| c.generator.latent = 4, 2);
    assert_eq!(text, "process 1 has another configuration than process 0");
    let text = error(&|_| (), 3);
    let expected = "3 processes: found game.microbatches = 4, expected a multiple of 3";
    assert_eq!(text, expected);
}

#[test]
fn devices_of_one_kind_may_have_other_threads_and_numbers() {
    let kind = start::kind;
    assert_eq!(
        kind("cpu, AVX2, 1 thread, f32"),
        kind("cpu, AVX2, 16 threads, f32")
    );
    assert_eq!(
        kind("cuda:0, NVIDIA H200, f32"),
        kind("cuda:1, NVIDIA H200, f32")
    );
    for other in ["cpu, AVX-512, 1 thread, f32", "cuda:0, NVIDIA H200, f32"] {
        assert_ne!(kind("cpu, AVX2, 1 thread, f32"), kind(other));
    }
}

#[test]
fn a_process_that_is_gone_is_told_by_the_next_reading() {
    let config = games().remove(0);
    let mut all = thread_communicators(2).into_iter();
    let [first, second] = [all.next().unwrap(), all.next().unwrap()];
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut trainer = start(&config, Box::new(second)).unwrap();
            let exchange = trainer.exchange.as_mut().unwrap();
            assert_eq!(exchange.hear(0).unwrap(), Order::Step);
        });
        let mut trainer = start(&config, Box::new(first)).unwrap();
        (0..3).for_each(|_| trainer.step());
        let error = trainer.take_metrics().unwrap_err().to_string();
        assert!(error.contains("process 1 is gone"), "{error}");
        assert!(trainer.checkpoint(String::new(), BTreeMap::new()).is_err());
    });
}

/// A communicator that counts the words that leave its process.
struct Counting {
    inner: ThreadCommunicator,
    sent: Arc<AtomicUsize>,
}

impl Communicator for Counting {
    fn rank(&self) -> usize {
        self.inner.rank()
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn all_to_all(
        &mut self,
        send: &[u32],
        send_counts: &[usize],
        receive: &mut [u32],
        receive_counts: &[usize],
    ) -> Result<(), CommunicationError> {
        let others = send.len() - send_counts[self.rank()];
        self.sent.fetch_add(others, Ordering::SeqCst);
        (self.inner).all_to_all(send, send_counts, receive, receive_counts)
    }

    fn all_gather(
        &mut self,
        send: &[u32],
        receive: &mut [u32],
        counts: &[usize],
    ) -> Result<(), CommunicationError> {
        let others = send.len() * (self.size() - 1);
        self.sent.fetch_add(others, Ordering::SeqCst);
        self.inner.all_gather(send, receive, counts)
    }

    fn broadcast(&mut self, words: &mut [u32]) -> Result<(), CommunicationError> {
        self.inner.broadcast(words)
    }
}

/// What docs/scale.md says that processes send.
#[test]
fn gradients_go_to_their_owners_and_parameters_to_all_others() {
    let config = &games().remove(0);
    let sent = |processes: usize, steps: usize| {
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = |inner| {
            let sent = sent.clone();
            Box::new(Counting { inner, sent })
        };
        let mut all = thread_communicators(processes).into_iter().map(counted);
        let first = all.next().unwrap();
        let parameters: usize = thread::scope(|scope| {
            for communicator in all {
                scope.spawn(move || start(config, communicator).unwrap().follow().unwrap());
            }
            let mut trainer = start(config, first).unwrap();
            (0..steps).for_each(|_| trainer.step());
            trainer.check().unwrap();
            let layers = trainer.generator.layers.iter();
            let layers = layers.chain(&trainer.discriminator.layers);
            // Parts are equally wide, the last one by zeros.
            let width = |cols: usize| cols.next_multiple_of(config.game.microbatches);
            let words = layers.map(|layer| (layer.w.row_count() + 1) * width(layer.w.cols()));
            words.sum()
        });
        (sent.load(Ordering::SeqCst), parameters)
    };
    for processes in [2, 4] {
        let (at_start, parameters) = sent(processes, 0);
        let local = config.game.microbatches / processes;
        let expected = 5 * parameters * (processes - 1) * (local + 1);
        assert_eq!(sent(processes, 5).0 - at_start, expected);
    }
}

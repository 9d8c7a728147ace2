//! How much memory there is, asked before much of it is allocated.

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

/// Bytes of memory that this process can still get, of the machine, of its control group and of its
/// own limit; `None` where the system does not say.
///
/// Systems promise more memory than there is, and end a process that takes it without a word, so an
/// allocation that succeeds is no answer.
#[must_use]
pub fn free_memory() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory();
    let swap = system.free_swap();
    let machine = Some(system.available_memory()).filter(|bytes| *bytes > 0);
    // A container sees its own group as the root; elsewhere groups are nested.
    let own = get_current_pid().ok().and_then(|id| {
        let only = ProcessesToUpdate::Some(&[id]);
        system.refresh_processes_specifics(only, false, ProcessRefreshKind::nothing());
        system.process(id)?.cgroup_limits()
    });
    let groups = system.cgroup_limits().into_iter().chain(own);
    // What a group holds of files can be given back, so it counts as free.
    let groups = groups.map(|group| group.total_memory.saturating_sub(group.rss));
    let shared = machine.into_iter().chain(groups).min();
    let shared = shared.map(|bytes| bytes.saturating_add(swap));
    shared.into_iter().chain(own_limit()).min()
}

/// What is left of the limit of this process's address space, as `ulimit -v` sets it.
#[cfg(target_os = "linux")]
fn own_limit() -> Option<u64> {
    use std::fs::read_to_string;
    let limits = read_to_string("/proc/self/limits").ok()?;
    let limit = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = limit.split_whitespace().next()?.parse().ok()?;
    let status = read_to_string("/proc/self/status").ok()?;
    let taken = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))?;
    let taken: u64 = taken.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(taken.saturating_mul(1024)))
}

/// Other systems have no such limit, or do not say.
#[cfg(not(target_os = "linux"))]
fn own_limit() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn free_memory_is_some_and_less_than_a_petabyte() {
        let free = free_memory().unwrap();
        assert!((1 << 20..1 << 50).contains(&free), "{free}");
    }
}

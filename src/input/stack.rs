//! A larger stack for documents that are nested as deep as kubectl reads them.
//!
//! kubectl's decoder takes 10,000 levels (`max_flow_level` and `max_indents` of go.yaml.in/yaml/v2). The reader here
//! keeps its levels in memory, but code that searches a document recurses level by level. The usual 2 MiB of a
//! thread are not enough for that, and a stack overflow ends the process.

use std::sync::LazyLock;
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// The stack of each thread that reads documents, in bytes: 6.7 kB a level. Unused stack takes no memory.
const SIZE: usize = 64 << 20;

static READERS: LazyLock<Option<ThreadPool>> = LazyLock::new(|| ThreadPoolBuilder::new().stack_size(SIZE).build().ok());

/// Does work on a thread with a large stack, from which all cores are used. If no thread can be started, the work is
/// done on the current one.
pub(crate) fn on_readers<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    match &*READERS {
        Some(readers) => readers.install(work),
        None => work(),
    }
}

/// Does work on a thread of its own with a large stack; `None` if it panicked.
pub(crate) fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("main".to_owned()).stack_size(SIZE).spawn_scoped(scope, work);
        thread.ok()?.join().ok()
    })
}

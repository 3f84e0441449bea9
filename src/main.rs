//! Arguments in, exit code out.

/// For librdkafka as much as for us (its `override` takes the place of the C library's allocator): what one thread
/// fetches another thread frees, a million times a second.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    privet::cli::main()
}

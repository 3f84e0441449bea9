//! Arguments in, exit code out.

fn main() -> std::process::ExitCode {
    privet::cli::main()
}

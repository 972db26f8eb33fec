//! Prints the typed project of the current folder as JSON.

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints is the purpose here")]
fn main() -> std::process::ExitCode {
    let request = compose_file::Request {
        environment: std::env::vars().collect(),
        current_directory: std::env::current_dir().unwrap_or_default(),
        ..Default::default()
    };
    let project = compose_file::load(&request).and_then(|loaded| loaded.project());
    match project {
        Ok(project) => {
            println!("{}", serde_json::to_string_pretty(&project).unwrap_or_default());
            std::process::ExitCode::SUCCESS
        }
        Err(diagnostics) => {
            eprintln!("{diagnostics}");
            std::process::ExitCode::from(3)
        }
    }
}

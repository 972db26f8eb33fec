//! Prints the normalised form of a project, like `docker compose config`:
//! `config [-p NAME] [-f FILE]… [--profile NAME]… [--env-file FILE]… [config] [--format json|yaml]`.

use std::path::PathBuf;
use std::process::ExitCode;

use compose_file::{Request, load};

fn main() -> ExitCode {
    let mut request = Request { environment: std::env::vars().collect(), ..Request::default() };
    request.current_directory = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let mut json = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "config" {
            continue;
        }
        let value = arguments.next().unwrap_or_default();
        match argument.as_str() {
            "-f" => request.files.push(value.into()),
            "-p" => request.project_name = Some(value),
            "--profile" => request.profiles.push(value),
            "--env-file" => request.env_files.push(value.into()),
            "--project-directory" => request.project_directory = Some(value.into()),
            "--format" => json = value == "json",
            _ => return ExitCode::from(2),
        }
    }
    print(&request, json)
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints is the purpose here")]
fn print(request: &Request, json: bool) -> ExitCode {
    match load(request) {
        Ok(loaded) => {
            if !loaded.warnings().is_empty() {
                eprintln!("{}", loaded.warnings());
            }
            let text = if json { format!("{:#}", loaded.document()) } else { loaded.config_yaml() };
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(diagnostics) => {
            eprintln!("{diagnostics}");
            ExitCode::from(3)
        }
    }
}

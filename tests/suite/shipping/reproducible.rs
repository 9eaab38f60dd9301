//! What `deploy/build` does to the compiler: the same sources make the same bytes in every directory.

use std::path::Path;
use std::process::Command;

use crate::documents::markdown::root;
use crate::operation::program::Directory;

/// Compiles a program that names the paths of its sources. Returns its bytes.
fn compiled(directory: &Path, wrapper: Option<&Path>) -> Vec<u8> {
    let (checkout, target) = (directory.join("checkout"), directory.join("target"));
    std::fs::create_dir_all(checkout.join("src")).expect("a directory");
    std::fs::create_dir(&target).expect("a directory");
    std::fs::write(target.join("made.rs"), "pub fn made() -> &'static str { file!() }\n").expect("a file");
    let (main, made) = (checkout.join("src/main.rs"), target.join("made.rs"));
    let text = "include!(env!(\"MADE\"));\nfn main() { println!(\"{} {}\", file!(), made()); }\n";
    std::fs::write(&main, text).expect("a file");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = match wrapper {
        Some(wrapper) => {
            let mut command = Command::new(wrapper);
            command.arg(rustc);
            command
        }
        None => Command::new(rustc),
    };
    let program = target.join("program");
    command.current_dir(root()).env("MADE", &made);
    command.envs([("BUILD_CHECKOUT", &checkout), ("BUILD_TARGET", &target)]);
    command.envs([
        ("BUILD_CARGO", "/nowhere/cargo"),
        ("BUILD_RUST", "/nowhere/rust"),
        ("BUILD_RUST_COMMIT", "0"),
    ]);
    command.args(["--edition=2024", "--crate-name=program", "-Copt-level=0", "-Ccodegen-units=1"]);
    let output = command.arg("-o").arg(&program).arg(&main).output().expect("rustc");
    assert!(output.status.success(), "{output:?}");
    std::fs::read(program).expect("a program")
}

#[test]
fn a_program_is_the_same_in_two_directories_and_names_neither() {
    let (one, other) = (Directory::named("one"), Directory::named("another-place"));
    let wrapper = root().join("deploy/rustc");

    let programs = [&one, &other].map(|directory| compiled(&directory.0, Some(&wrapper)));

    let names = |program: &[u8], text: &str| program.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(programs[0] == programs[1], "two programs");
    assert!(names(&programs[0], "/rowkeep/src/main.rs") && names(&programs[0], "/target/made.rs"));
    assert!(!names(&programs[0], &one.0.display().to_string()));
    // Without the wrapper they differ: otherwise this test would show nothing.
    let (one, other) = (Directory::named("one"), Directory::named("another-place"));
    assert!(compiled(&one.0, None) != compiled(&other.0, None), "the same program without deploy/rustc");
}

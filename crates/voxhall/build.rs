//! Puts the page into the program: what `make web` has built in `web/dist`, or a page that says how to build it.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What is served where no page was built.
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\"><title>Voxhall</title>\n<p>This program was built without its page. Build it with <code>make web</code>, then build the program again.\n</html>\n";

fn main() -> Result<(), Box<dyn Error>> {
    let built = PathBuf::from("../../web/dist");
    println!("cargo::rerun-if-changed={}", built.display());
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut files = Vec::new();
    if built.join("index.html").is_file() {
        gather(&built, "", &mut files)?;
    } else {
        let page = out.join("index.html");
        fs::write(&page, NOT_BUILT)?;
        files.push(("/index.html".to_owned(), page));
    }
    files.sort();
    fs::write(out.join("page_files.rs"), table(&files)?)?;
    Ok(())
}

/// Lists what stands in a folder as (path of the address, path of the file).
fn gather(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name
            .to_str()
            .ok_or("a file of the page has a name that is no text")?;
        let address = format!("{prefix}/{name}");
        if entry.file_type()?.is_dir() {
            gather(&entry.path(), &address, files)?;
        } else if !name.starts_with('.') {
            files.push((address, entry.path()));
        }
    }
    Ok(())
}

/// The table as Rust. `NAME.gz` is no file of its own but the same in less space.
fn table(files: &[(String, PathBuf)]) -> Result<String, Box<dyn Error>> {
    let mut text = String::from("static FILES: &[File] = &[\n");
    for (address, file) in files.iter().filter(|(address, _)| !address.ends_with(".gz")) {
        let packed = format!("{address}.gz");
        let packed = files.iter().find(|(other, _)| *other == packed);
        let packed = match packed {
            Some((_, file)) => format!("Some({})", include(file)?),
            None => "None".to_owned(),
        };
        let plain = include(file)?;
        writeln!(
            text,
            "    File {{ path: {address:?}, plain: {plain}, packed: {packed} }},"
        )?;
    }
    text.push_str("];\n");
    Ok(text)
}

fn include(file: &Path) -> Result<String, Box<dyn Error>> {
    let file = fs::canonicalize(file)?;
    let file = file.to_str().ok_or("the page lies at a path that is no text")?;
    Ok(format!("include_bytes!({file:?})"))
}

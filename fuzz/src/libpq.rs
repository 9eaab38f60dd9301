//! Compares the reader of addresses in the target `database_url` with libpq itself, where that is installed.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::sync::LazyLock;

use libloading::Library;
use rowkeep::fuzzing::conninfo;

/// One option, as `libpq-fe.h` declares it (`PQconninfoOption`).
#[repr(C)]
struct ConninfoOption {
    keyword: *const c_char,
    envvar: *const c_char,
    compiled: *const c_char,
    val: *const c_char,
    label: *const c_char,
    dispchar: *const c_char,
    dispsize: c_int,
}

type Parse = unsafe extern "C" fn(*const c_char, *mut *mut c_char) -> *mut ConninfoOption;
type Free = unsafe extern "C" fn(*mut ConninfoOption);
type FreeMemory = unsafe extern "C" fn(*mut c_char);

struct Libpq {
    parse: Parse,
    free: Free,
    free_memory: FreeMemory,
}

static LIBPQ: LazyLock<Option<Libpq>> = LazyLock::new(|| {
    // SAFETY: loading libpq runs no code of its own but that of the C library.
    let library = unsafe { Library::new("libpq.so.5") };
    let Ok(library) = library else {
        eprintln!("libpq.so.5 is not installed: addresses are not compared with it");
        return None;
    };
    // Never unloaded: its functions are used until the process ends.
    let library: &'static Library = Box::leak(Box::new(library));
    // SAFETY: the types are those of libpq-fe.h, which have not changed since PostgreSQL 9.
    unsafe {
        Some(Libpq {
            parse: *library.get(b"PQconninfoParse\0").ok()?,
            free: *library.get(b"PQconninfoFree\0").ok()?,
            free_memory: *library.get(b"PQfreemem\0").ok()?,
        })
    }
});

/// Asserts that libpq reads the same options of a text, or refuses it.
pub fn compare(input: &[u8]) {
    let Some(libpq) = &*LIBPQ else { return };
    let Ok(text) = std::str::from_utf8(input) else { return };
    // libpq knows no other schemes, and it knows them in lower case only.
    let is_url = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    if !is_url && text.contains("://") {
        return;
    }
    let Some(theirs) = CString::new(text).ok().and_then(|text| parsed(libpq, &text)) else { return };

    let Some(ours) = conninfo(text) else { panic!("libpq reads {text:?}: {theirs:?}") };
    for name in ["user", "password", "host", "hostaddr", "port", "dbname", "sslmode"] {
        // An old name of sslmode=require, which Rowkeep refuses.
        if name != "sslmode" || !ours.contains_key("requiressl") {
            assert_eq!(ours.get(name), theirs.get(name), "{name} of {text:?}");
        }
    }
}

/// The options that are not empty; `None` if libpq refuses the text.
fn parsed(libpq: &Libpq, text: &CStr) -> Option<BTreeMap<String, String>> {
    let mut message = ptr::null_mut();
    // SAFETY: the text ends with a zero byte, and `message` can be written to.
    let options = unsafe { (libpq.parse)(text.as_ptr(), &raw mut message) };
    if options.is_null() {
        // SAFETY: the message comes from `PQconninfoParse`. A null pointer may be freed.
        unsafe { (libpq.free_memory)(message) };
        return None;
    }
    let mut found = BTreeMap::new();
    let mut is_text = true;
    let mut option = options.cast_const();
    // SAFETY: the list ends with an option without a keyword, and its texts live until it is freed.
    unsafe {
        while !(*option).keyword.is_null() {
            if !(*option).val.is_null() {
                let name = CStr::from_ptr((*option).keyword).to_string_lossy().into_owned();
                match CStr::from_ptr((*option).val).to_str() {
                    Ok("") => {}
                    Ok(value) => drop(found.insert(name, value.to_owned())),
                    // Not UTF-8: Rowkeep refuses it.
                    Err(_) => is_text = false,
                }
            }
            option = option.add(1);
        }
        (libpq.free)(options);
    }
    is_text.then_some(found)
}

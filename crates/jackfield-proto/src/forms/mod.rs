//! Query strings, cookies and forms, as iterators over the bytes of the request.
//!
//! Only what must be decoded is copied, and nothing is collected: the limits of heads and bodies bound what a client can
//! send. Pairs come in the order in which they were sent, and a name may come more than once.
//!
//! ```
//! use jackfield_proto::forms::{Multipart, cookies, query};
//!
//! let (name, value) = query("q=a+b%21&page=2").next().unwrap();
//! assert_eq!((&*name, &*value), ("q", "a b!"));
//!
//! assert_eq!(cookies(b"theme=dark; id=7").find(|(name, _)| *name == "id"), Some(("id", "7")));
//!
//! let body = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\r\n--b--\r\n";
//! let part = Multipart::new("multipart/form-data; boundary=b", body)?.next().unwrap()?;
//! assert_eq!((part.name(), part.filename(), part.body()), ("file", Some("a.txt"), &b"hello"[..]));
//! # Ok::<(), jackfield_proto::forms::MultipartError>(())
//! ```

mod cookies;
mod error;
mod multipart;
mod pairs;
mod params;
mod part;
mod request;

pub use cookies::{Cookies, cookies};
pub use error::MultipartError;
pub use multipart::{BOUNDARY_BYTES_MAX, Multipart, PART_HEAD_BYTES_MAX, PARTS_MAX};
pub use pairs::{Pairs, is_urlencoded, query, urlencoded};
pub use part::Part;

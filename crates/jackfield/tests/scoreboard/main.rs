//! The rows of docs/features.md, a file for each group of them or for a large row. The name of each test begins with its row. They
//! are one program, which is linked once; tests that change or measure their process have a program of their own beside it.

#[path = "../../../../examples/quiz/asking.rs"]
mod asking;
#[path = "../support/deflating.rs"]
mod deflating;
#[path = "../support/steady.rs"]
mod steady;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tls.rs"]
mod tls;

mod b;
mod b10;
mod c;
mod c18;
mod c23;
mod c25;
mod c9;
mod d;
mod d12;
mod d4;
mod e;
mod e6;
mod e7;
mod h;
mod h12;
mod h23;
mod h3;
mod h_files;
mod h_web;
mod k;
mod l;
mod l10;
mod l14;
mod l18;
mod l3;
mod l_listening;
mod m;
mod n10;
mod n11;
mod n14;
mod n2;
mod n5;
mod o;
mod p;
mod p11;
mod q;
mod s;
mod section_0;
mod t;
mod t1;
mod t11;
mod t2;
mod t3;
mod t4;
mod t5;
mod t7;
mod w;
mod w11;
mod w15;
mod w18;
mod w19;
mod w22;
mod w22_deflate;
mod x;
mod x2;
mod x4;
mod x6;

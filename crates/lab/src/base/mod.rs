//! What every command needs: the cores, one figure of several runs, and where figures are written. Nothing here depends
//! on a command.

pub(crate) mod cores;
pub(crate) mod figure;
pub(crate) mod papers;
pub(crate) mod temp_folder;

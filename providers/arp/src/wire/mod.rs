//! What do the bytes on a segment mean? Codecs only: nothing here knows time, sockets or what to do about a frame.

pub mod hello;

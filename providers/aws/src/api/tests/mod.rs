//! What is sent to AWS, and what is made of its answers.

mod aws;
mod failures;
mod reading;
mod writing;

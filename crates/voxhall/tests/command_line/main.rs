//! The program as people use it: started as a child process, judged by what it prints, writes and ends with.

mod operate;
mod program;
mod refuse;
mod serve;
mod talk;

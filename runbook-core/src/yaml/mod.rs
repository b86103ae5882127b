//! YAML text to a tree in which every key and value knows its place.
/// stub
pub struct Node;

//! Nothing: the stories over the whole suite are the test binary `it`.

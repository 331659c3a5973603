//! Tables in text files: one row a line, fields apart by one character, perhaps quoted; plain, or compressed as
//! `<name>.zst`. A malformed row is set down as a fault with its file and line and the next one is read. Each line is
//! split by itself, because a reader of whole files takes everything after a stray quote for one field. What the
//! fields mean is for the callers.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::str::FromStr;

use huan_chassis::clock::Day;

use super::report::Faults;
use crate::failure::{Failure, Result};

/// The shape of a table.
pub(super) struct Table<'a> {
    /// The file's name without `.zst`.
    pub(super) name: &'a str,
    /// What stands between fields.
    pub(super) delimiter: char,
    /// The columns' names, as the first line must have them.
    pub(super) columns: &'a [&'a str],
}

/// One row, of as many fields as there are columns.
pub(super) struct Row<'a> {
    columns: &'a [&'a str],
    fields: Vec<String>,
    /// Its line in the file, from 1.
    pub(super) line: u64,
}

/// Reads a table row by row. `each` says what is wrong with a row, if anything is.
///
/// # Errors
/// If the file is missing, cannot be opened or begins with another header.
pub(super) fn read(
    folder: &Path,
    table: &Table<'_>,
    faults: &mut Faults,
    mut each: impl FnMut(&Row<'_>, &mut Faults) -> Result<(), String>,
) -> Result<()> {
    let mut lines = Lines { from: open(folder, table.name)?, line: 0 };
    let header = lines.next().unwrap_or_else(|| Err("is empty".to_owned()));
    if header.and_then(|text| split(&text, table.delimiter)).ok().as_deref() != Some(&owned(table.columns)[..]) {
        let columns = table.columns.join(&table.delimiter.to_string());
        return Err(Failure::new(format!("{}: the first line is not {columns}", table.name)));
    }
    while let Some(text) = lines.next() {
        let outcome = text.and_then(|text| {
            if text.is_empty() {
                return Ok(());
            }
            each(&row(table, &text, lines.line)?, faults)
        });
        if let Err(reason) = outcome {
            faults.add(table.name, lines.line, reason);
        }
    }
    Ok(())
}

impl Row<'_> {
    /// Gives a column's text.
    ///
    /// # Panics
    /// If the table has no such column, which is a fault of the caller's.
    pub(super) fn text(&self, column: &str) -> &str {
        let at = self.columns.iter().position(|name| *name == column);
        &self.fields[at.expect("columns are named as the table lists them")]
    }

    /// Reads an id or a count.
    pub(super) fn whole<N: FromStr>(&self, column: &str) -> Result<N, String> {
        self.text(column).parse().map_err(|_| format!("{column} is not a whole number in bounds"))
    }

    /// Reads a finite number.
    pub(super) fn number(&self, column: &str) -> Result<f64, String> {
        let number: Option<f64> = self.text(column).parse().ok();
        number.filter(|number| number.is_finite()).ok_or_else(|| format!("{column} is not a number"))
    }

    /// Reads a number that may be missing, written `?`.
    pub(super) fn optional_number(&self, column: &str) -> Result<Option<f64>, String> {
        if self.text(column) == "?" { Ok(None) } else { self.number(column).map(Some) }
    }

    /// Reads 0 or 1.
    pub(super) fn flag(&self, column: &str) -> Result<bool, String> {
        match self.text(column) {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(format!("{column} is neither 0 nor 1")),
        }
    }

    /// Reads an amount with at most two decimals, in hundredths.
    pub(super) fn hundredths(&self, column: &str) -> Result<i64, String> {
        hundredths(self.text(column)).ok_or_else(|| format!("{column} is not an amount with at most two decimals"))
    }

    /// Reads a day of the twentieth century written YYMMDD; what follows a blank is passed over.
    pub(super) fn short_day(&self, column: &str) -> Result<Day, String> {
        let text = self.text(column);
        let day = text.split_once(' ').map_or(text, |(day, _)| day);
        short_day(day).ok_or_else(|| format!("{column} is not a day YYMMDD"))
    }
}

/// Reads a day of the twentieth century written YYMMDD.
pub(super) fn short_day(text: &str) -> Option<Day> {
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("19{}-{}-{}", &text[..2], &text[2..4], &text[4..]).parse().ok()
}

/// Reads an amount with at most two decimals, in hundredths.
pub(super) fn hundredths(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 2 || !plain(whole) || !plain(part) || digits.ends_with('.') {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let part: i64 = format!("{part:0<2}").parse().ok()?;
    Some(sign * whole.checked_mul(100)?.checked_add(part)?)
}

/// Opens a file, plain or compressed.
pub(super) fn open(folder: &Path, name: &str) -> Result<Box<dyn BufRead>> {
    let plain = folder.join(name);
    if plain.is_file() {
        return Ok(Box::new(BufReader::new(file(&plain)?)));
    }
    let packed = folder.join(format!("{name}.zst"));
    if !packed.is_file() {
        return Err(Failure::usage(format!("{} has neither {name} nor {name}.zst", folder.display())));
    }
    let decoder: Box<dyn Read> = Box::new(zstd::Decoder::new(file(&packed)?)?);
    Ok(Box::new(BufReader::new(decoder)))
}

fn file(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

struct Lines {
    from: Box<dyn BufRead>,
    line: u64,
}

impl Lines {
    /// Reads a line without its end. Where the file cannot be read on, that is the last line's fault.
    fn next(&mut self) -> Option<Result<String, String>> {
        let mut bytes = Vec::new();
        self.line += 1;
        match self.from.read_until(b'\n', &mut bytes) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => {
                self.from = Box::new(std::io::empty());
                return Some(Err(format!("the file cannot be read from here on: {error}")));
            }
        }
        while matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        Some(String::from_utf8(bytes).map_err(|_| "the line is not UTF-8".to_owned()))
    }
}

fn row<'a>(table: &Table<'a>, text: &str, line: u64) -> Result<Row<'a>, String> {
    let fields = split(text, table.delimiter)?;
    if fields.len() != table.columns.len() {
        return Err(format!("has {} columns, not {}", fields.len(), table.columns.len()));
    }
    Ok(Row { columns: table.columns, fields, line })
}

/// Splits a line. A field may be quoted; two quotes in one stand for one.
fn split(line: &str, delimiter: char) -> Result<Vec<String>, String> {
    let (mut fields, mut field) = (Vec::new(), String::new());
    let (mut quoted, mut chars) = (false, line.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '"' if !quoted && field.is_empty() => quoted = true,
            '"' if quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if quoted => {
                quoted = false;
                if chars.peek().is_some_and(|next| *next != delimiter) {
                    return Err("goes on after a closing quote".to_owned());
                }
            }
            c if c == delimiter && !quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    if quoted {
        return Err("a quote is not closed".to_owned());
    }
    fields.push(field);
    Ok(fields)
}

fn owned(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|&column| column.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table<'static> = Table { name: "t.asc", delimiter: ';', columns: &["id", "name", "amount"] };

    fn ids(content: &[u8], name: &str) -> (Vec<u32>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), content).unwrap();
        let (mut ids, mut faults) = (Vec::new(), Faults::default());
        let each = |row: &Row<'_>, _: &mut Faults| {
            row.hundredths("amount")?;
            ids.push(row.whole("id")?);
            Ok(())
        };
        read(folder.path(), &TABLE, &mut faults, each).unwrap();
        (ids, faults.first.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn quotes_delimiters_and_line_ends_are_understood() {
        assert_eq!(split(r#"1;"a;b";"say ""so""";"#, ';').unwrap(), ["1", "a;b", r#"say "so""#, ""]);
        assert_eq!(split("", ';').unwrap(), [""]);
        assert_eq!(ids(b"\"id\";\"name\";\"amount\"\r\n1;\"x\";2.50\r\n2;;3\r\n", "t.asc").0, [1, 2]);
    }

    #[test]
    fn a_malformed_row_is_a_fault_with_its_line_and_loses_no_other() {
        let text = b"id;name;amount\n1;a;1\n2;b\n3;\"c;1\n4;\"d\"x;1\nfive;e;1\n6;f;1.234\n7;\xff;1\n\n9;g;9.9\n";
        let (ids, faults) = ids(text, "t.asc");
        assert_eq!(ids, [1, 9]);
        assert_eq!(
            faults,
            [
                "t.asc:3: has 2 columns, not 3",
                "t.asc:4: a quote is not closed",
                "t.asc:5: goes on after a closing quote",
                "t.asc:6: id is not a whole number in bounds",
                "t.asc:7: amount is not an amount with at most two decimals",
                "t.asc:8: the line is not UTF-8",
            ]
        );
    }

    #[test]
    fn a_compressed_table_reads_alike_and_a_broken_one_keeps_what_it_has() {
        let text: String = (0..50_000).map(|id| format!("{id};n{};{}.{}\n", id * 7_919, id * 31, id % 10)).collect();
        let packed = zstd::encode_all(format!("id;name;amount\n{text}").as_bytes(), 3).unwrap();
        let (all, faults) = ids(&packed, "t.asc.zst");
        assert_eq!((all.len(), faults.len()), (50_000, 0));
        let (some, faults) = ids(&packed[..packed.len() / 2], "t.asc.zst");
        assert!(!some.is_empty() && some.len() < 50_000);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("cannot be read from here on"), "{faults:?}");
    }

    #[test]
    fn a_missing_file_and_another_header_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut faults = Faults::default();
        let mut open = || read(folder.path(), &TABLE, &mut faults, |_, _| Ok(())).unwrap_err().to_string();
        assert!(open().ends_with("has neither t.asc nor t.asc.zst"));
        std::fs::write(folder.path().join("t.asc"), "id;amount\n").unwrap();
        assert_eq!(open(), "t.asc: the first line is not id;name;amount");
    }

    #[test]
    fn amounts_and_days_are_exact() {
        assert_eq!(hundredths("3372.70"), Some(337_270));
        assert_eq!(hundredths("-3372.7"), Some(-337_270));
        assert_eq!(hundredths("0"), Some(0));
        for text in ["", "-", ".5", "1.", "1.234", "1e3", "NaN", "+1", "1,5", "99999999999999999999"] {
            assert_eq!(hundredths(text), None, "{text}");
        }
        assert_eq!(short_day("981231").unwrap().to_string(), "1998-12-31");
        for text in ["980231", "98123", "9812311", "98123x", "98-1-1"] {
            assert_eq!(short_day(text), None, "{text}");
        }
    }
}

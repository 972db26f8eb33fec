//! Tables as aligned columns. It must never cut a value: whoever reads a table in a pipe wants all of it.

use console::{Alignment, measure_text_width, pad_str};

use super::paint::Paint;

/// Between two columns.
const GAP: &str = "  ";

/// The table's text, a header line and one line for each row.
pub(super) fn render(paint: Paint, headers: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let widths: Vec<usize> =
        headers.iter().enumerate().map(|(column, header)| width(column, header, &rows)).collect();
    let header: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
    let mut lines = vec![paint.dim(&line(&header, &widths))];
    lines.extend(rows.iter().map(|row| line(row, &widths)));
    lines.join("\n")
}

fn width(column: usize, header: &str, rows: &[Vec<String>]) -> usize {
    let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| measure_text_width(cell));
    cells.chain([measure_text_width(header)]).max().unwrap_or_default()
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| pad_str(cell, *width, Alignment::Left, None));
    padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
}

fn one_line(cell: &str) -> String {
    cell.split(['\n', '\r', '\t']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|&cell| cell.to_owned()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_they_look() {
        let rows = [
            row(&["größe", "1", "x"]),
            row(&["日本", "two\nlines", ""]),
            row(&["a", "\u{1b}[31mred\u{1b}[0m", "y"]),
        ];
        assert_eq!(
            render(Paint::Off, &["SERVICE", "N", "LAST"], &rows),
            "SERVICE  N          LAST\n\
             größe    1          x\n\
             日本     two lines\n\
             a        \u{1b}[31mred\u{1b}[0m        y"
        );
    }

    #[test]
    fn a_table_without_rows_is_its_header() {
        assert_eq!(render(Paint::Off, &["A", "B"], &[]), "A  B");
        assert!(render(Paint::On, &["A"], &[]).contains("\u{1b}["));
    }
}

//! Literal and folded scalars.

use super::{ScanError, Scanner, Token, TokenKind};
use crate::text::yaml::scan::Text;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

impl Scanner<'_> {
    pub(super) fn fetch_block_scalar(&mut self, literal: bool) -> Result<(), ScanError> {
        self.remove_key()?;
        self.key_allowed = true;
        let token = self.scan_block_scalar(literal)?;
        self.push(token);
        Ok(())
    }

    fn scan_block_scalar(&mut self, literal: bool) -> Result<Token, ScanError> {
        self.cursor.advance(1);
        let (chomping, increment) = self.scan_header()?;
        let header_end = self.cursor.offset();
        self.cursor.skip_blanks();
        if self.cursor.at(0) == b'#' {
            self.scan_comment();
        }
        if !(self.cursor.is_break(0) || self.cursor.at(0) == 0) {
            return Err(self.here("did not find expected comment or line break"));
        }
        if self.cursor.is_break(0) {
            self.cursor.skip_line();
        }
        let mut indent = if increment > 0 { self.indent.max(0) + increment } else { 0 };
        let mut breaks = String::new();
        self.scan_breaks(&mut indent, &mut breaks)?;
        let (mut start, mut end) = (header_end, header_end);
        let mut value = String::new();
        let mut line_break: Option<char> = None;
        let mut was_blank = false;
        while self.cursor.column() == indent && self.cursor.at(0) != 0 {
            let is_blank = self.cursor.is_blank();
            if !literal && !was_blank && !is_blank && line_break == Some('\n') {
                if breaks.is_empty() {
                    value.push(' ');
                }
            } else {
                value.extend(line_break);
            }
            line_break = None;
            value.push_str(&breaks);
            breaks.clear();
            was_blank = is_blank;
            let from = self.cursor.pos();
            self.cursor.skip_to_break();
            value.push_str(self.cursor.slice(from, self.cursor.pos()));
            if start == header_end {
                start = from as u32;
            }
            end = self.cursor.offset();
            if self.cursor.is_break(0) {
                line_break = Some(self.cursor.read_line());
            } else if self.cursor.at(0) != 0 {
                // Only a control character ends the line early, and the document is refused for it.
                self.cursor.advance(1);
            }
            self.scan_breaks(&mut indent, &mut breaks)?;
        }
        if chomping != Chomping::Strip {
            value.extend(line_break);
        }
        if chomping == Chomping::Keep {
            value.push_str(&breaks);
        }
        let written = self.cursor.slice(start as usize, end as usize);
        end = start + written.trim_end().len() as u32;
        self.owned.push(value);
        let text = Text::Owned { index: self.owned.len() as u32 - 1 };
        Ok(Token { text, ..Token::new(TokenKind::Quoted, start, end) })
    }

    /// Scans what follows the `|` or `>`, in either order.
    fn scan_header(&mut self) -> Result<(Chomping, i32), ScanError> {
        let mut chomping = Chomping::Clip;
        let mut increment = 0;
        for _ in 0..2 {
            match self.cursor.at(0) {
                sign @ (b'+' | b'-') if chomping == Chomping::Clip => {
                    chomping = if sign == b'+' { Chomping::Keep } else { Chomping::Strip };
                }
                b'0' if increment == 0 => return Err(self.here("found an indentation indicator equal to 0")),
                digit @ b'1'..=b'9' if increment == 0 => increment = i32::from(digit - b'0'),
                _ => break,
            }
            self.cursor.advance(1);
        }
        Ok((chomping, increment))
    }

    /// Skips indentation and empty lines, and determines the indentation if it is not given.
    fn scan_breaks(&mut self, indent: &mut i32, breaks: &mut String) -> Result<(), ScanError> {
        let mut deepest = 0;
        loop {
            while (*indent == 0 || self.cursor.column() < *indent) && self.cursor.at(0) == b' ' {
                self.cursor.advance(1);
            }
            deepest = deepest.max(self.cursor.column());
            if (*indent == 0 || self.cursor.column() < *indent) && self.cursor.at(0) == b'\t' {
                return Err(self.here("found a tab character where an indentation space is expected"));
            }
            if !self.cursor.is_break(0) {
                break;
            }
            breaks.push(self.cursor.read_line());
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(())
    }
}

//! Anchors, aliases, tags and directives.

use super::{ScanError, Scanner, Tag, Token, TokenKind};
use crate::text::yaml::scan::Text;

impl Scanner<'_> {
    pub(super) fn fetch_anchor(&mut self, kind: TokenKind) -> Result<(), ScanError> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.cursor.offset();
        self.cursor.advance(1);
        let name = self.cursor.pos();
        self.skip_name();
        let end = self.cursor.pos();
        let ended = self.cursor.is_blankz(0)
            || matches!(self.cursor.at(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if end == name || !ended {
            return Err(self.here("did not find expected alphabetic or numeric character"));
        }
        let text = Text::Source { start: name as u32, end: end as u32 };
        self.push(Token { text, ..Token::new(kind, start, end as u32) });
        Ok(())
    }

    fn skip_name(&mut self) {
        while matches!(self.cursor.at(0), b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-') {
            self.cursor.advance(1);
        }
    }

    pub(super) fn fetch_tag(&mut self) -> Result<(), ScanError> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.cursor.offset();
        let tag = self.scan_tag()?;
        if !self.cursor.is_blankz(0) {
            return Err(self.here("did not find expected whitespace or line break"));
        }
        self.tags.push(tag);
        let text = Text::Owned { index: self.tags.len() as u32 - 1 };
        self.push(Token { text, ..Token::new(TokenKind::Tag, start, self.cursor.offset()) });
        Ok(())
    }

    fn scan_tag(&mut self) -> Result<Tag, ScanError> {
        if self.cursor.at(1) == b'<' {
            self.cursor.advance(2);
            let suffix = self.scan_uri("")?;
            if self.cursor.at(0) != b'>' {
                return Err(self.here("did not find the expected '>'"));
            }
            self.cursor.advance(1);
            return Ok(Tag { handle: String::new(), suffix });
        }
        let handle = self.scan_handle(false)?;
        if handle.len() > 1 && handle.ends_with('!') {
            let suffix = self.scan_uri("")?;
            return Ok(Tag { handle, suffix });
        }
        let suffix = self.scan_uri(&handle)?;
        // The tag `!` alone means that the scalar's type is to be resolved.
        if suffix.is_empty() {
            return Ok(Tag { handle: String::new(), suffix: handle });
        }
        Ok(Tag { handle: "!".to_owned(), suffix })
    }

    fn scan_handle(&mut self, directive: bool) -> Result<String, ScanError> {
        if self.cursor.at(0) != b'!' {
            return Err(self.here("did not find expected '!'"));
        }
        let start = self.cursor.pos();
        self.cursor.advance(1);
        self.skip_name();
        if self.cursor.at(0) == b'!' {
            self.cursor.advance(1);
        } else if directive && self.cursor.pos() > start + 1 {
            return Err(self.here("did not find expected '!'"));
        }
        Ok(self.cursor.slice(start, self.cursor.pos()).to_owned())
    }

    /// Scans a tag's URI; `head` was taken for a handle and turned out to be part of it.
    fn scan_uri(&mut self, head: &str) -> Result<String, ScanError> {
        let mut uri = head.get(1..).unwrap_or_default().as_bytes().to_vec();
        let mut found = !head.is_empty();
        loop {
            match self.cursor.at(0) {
                b'%' => self.scan_octets(&mut uri)?,
                byte @ (b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z') => {
                    uri.push(byte);
                    self.cursor.advance(1);
                }
                byte if b"_-;/?:@&=+$,.!~*'()[]".contains(&byte) => {
                    uri.push(byte);
                    self.cursor.advance(1);
                }
                _ => break,
            }
            found = true;
        }
        if !found {
            return Err(self.here("did not find expected tag URI"));
        }
        Ok(String::from_utf8_lossy(&uri).into_owned())
    }

    /// Scans one character, written as `%` and two hexadecimal digits for each of its bytes.
    fn scan_octets(&mut self, uri: &mut Vec<u8>) -> Result<(), ScanError> {
        let mut left = 0;
        loop {
            let digit = |at: usize| char::from(self.cursor.at(at)).to_digit(16);
            let (b'%', Some(high), Some(low)) = (self.cursor.at(0), digit(1), digit(2)) else {
                return Err(self.here("did not find URI escaped octet"));
            };
            let octet = (high << 4 | low) as u8;
            if left == 0 {
                left = match octet {
                    0..=0x7f => 1,
                    0xc0..=0xdf => 2,
                    0xe0..=0xef => 3,
                    0xf0..=0xf7 => 4,
                    _ => return Err(self.here("found an incorrect leading UTF-8 octet")),
                };
            } else if octet & 0xc0 != 0x80 {
                return Err(self.here("found an incorrect trailing UTF-8 octet"));
            }
            uri.push(octet);
            self.cursor.advance(3);
            left -= 1;
            if left == 0 {
                return Ok(());
            }
        }
    }

    pub(super) fn fetch_directive(&mut self) -> Result<(), ScanError> {
        self.unroll_indent(-1);
        self.remove_key()?;
        self.key_allowed = false;
        let start = self.cursor.offset();
        self.cursor.advance(1);
        let name = self.cursor.pos();
        self.skip_name();
        if self.cursor.pos() == name {
            return Err(self.here("could not find expected directive name"));
        }
        if !self.cursor.is_blankz(0) {
            return Err(self.here("found unexpected non-alphabetical character"));
        }
        let kind = match self.cursor.slice(name, self.cursor.pos()) {
            "YAML" => TokenKind::Version,
            "TAG" => TokenKind::TagDirective,
            _ => return Err(ScanError::new(start, "found unknown directive name")),
        };
        self.cursor.skip_blanks();
        let text = if kind == TokenKind::Version { self.scan_version()? } else { self.scan_tag_directive()? };
        let end = self.cursor.offset();
        self.cursor.skip_blanks();
        if self.cursor.at(0) == b'#' {
            self.scan_comment();
        }
        if self.cursor.is_break(0) {
            self.cursor.skip_line();
        } else if self.cursor.at(0) != 0 {
            return Err(self.here("did not find expected comment or line break"));
        }
        self.push(Token { text, ..Token::new(kind, start, end) });
        Ok(())
    }

    /// Scans the version, and keeps it as text.
    fn scan_version(&mut self) -> Result<Text, ScanError> {
        let start = self.cursor.offset();
        self.scan_version_number()?;
        if self.cursor.at(0) != b'.' {
            return Err(self.here("did not find expected digit or '.' character"));
        }
        self.cursor.advance(1);
        self.scan_version_number()?;
        Ok(Text::Source { start, end: self.cursor.offset() })
    }

    fn scan_version_number(&mut self) -> Result<(), ScanError> {
        let digits = (0..3).take_while(|&at| self.cursor.at(at).is_ascii_digit()).count();
        match digits {
            0 => Err(self.here("did not find expected version number")),
            3 => Err(self.here("found extremely long version number")),
            _ => {
                self.cursor.advance(digits);
                Ok(())
            }
        }
    }

    fn scan_tag_directive(&mut self) -> Result<Text, ScanError> {
        let handle = self.scan_handle(true)?;
        if !self.cursor.is_blank() {
            return Err(self.here("did not find expected whitespace"));
        }
        self.cursor.skip_blanks();
        let suffix = self.scan_uri("")?;
        if !self.cursor.is_blankz(0) {
            return Err(self.here("did not find expected whitespace or line break"));
        }
        self.tags.push(Tag { handle, suffix });
        Ok(Text::Owned { index: self.tags.len() as u32 - 1 })
    }
}

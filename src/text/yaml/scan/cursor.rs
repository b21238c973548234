//! The scanner's position in the text.

/// A position: its byte, and what the rules of indentation and of simple keys need to know about it, in characters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) offset: u32,
    pub(super) index: u32,
    pub(super) column: i32,
    pub(super) line: u32,
}

pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    bytes: &'t [u8],
    pos: usize,
    /// Bytes before `pos` that continue a character: subtracted to get a number of characters.
    wide: usize,
    line: u32,
    /// Index of the line's first character.
    line_start: usize,
    /// The character after the last byte: kubectl ends the last line if the text does not.
    tail: u8,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let tail = if text.is_empty() || text.ends_with('\n') { 0 } else { b'\n' };
        Self { text, bytes, pos: 0, wide: 0, line: 0, line_start: 0, tail }
    }

    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    /// Returns the byte offset, which is never after the end of the text.
    pub(super) fn offset(&self) -> u32 {
        self.pos.min(self.bytes.len()) as u32
    }

    pub(super) fn column(&self) -> i32 {
        (self.pos - self.wide - self.line_start) as i32
    }

    pub(super) fn mark(&self) -> Mark {
        let index = (self.pos - self.wide) as u32;
        Mark { offset: self.offset(), index, column: self.column(), line: self.line }
    }

    /// Returns the byte so many bytes further on; 0 after the end.
    #[inline]
    pub(super) fn at(&self, ahead: usize) -> u8 {
        match self.bytes.get(self.pos + ahead) {
            Some(&byte) => byte,
            None if self.pos + ahead == self.bytes.len() => self.tail,
            None => 0,
        }
    }

    /// Advances over this many ASCII characters.
    #[inline]
    pub(super) fn advance(&mut self, count: usize) {
        self.pos += count;
    }

    /// Advances over one character.
    #[inline]
    pub(super) fn skip(&mut self) {
        let width = width(self.at(0));
        self.pos += width;
        self.wide += width - 1;
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Whether a line break begins so many bytes further on: those of YAML 1.1, so NEL, LS and PS too.
    #[inline]
    pub(super) fn is_break(&self, ahead: usize) -> bool {
        match self.at(ahead) {
            b'\n' | b'\r' => true,
            0xc2 => self.at(ahead + 1) == 0x85,
            0xe2 => self.at(ahead + 1) == 0x80 && matches!(self.at(ahead + 2), 0xa8 | 0xa9),
            _ => false,
        }
    }

    /// Whether a blank, a line break or the end is so many bytes further on.
    #[inline]
    pub(super) fn is_blankz(&self, ahead: usize) -> bool {
        match self.at(ahead) {
            b' ' | b'\t' | 0 => true,
            _ => self.is_break(ahead),
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        matches!(self.at(0), b' ' | b'\t')
    }

    /// Whether there is a `---` or `...` here as a word of its own.
    pub(super) fn is_marker(&self, byte: u8) -> bool {
        (0..3).all(|ahead| self.at(ahead) == byte) && self.is_blankz(3)
    }

    /// Whether either of them is here, at the start of a line.
    pub(super) fn is_at_marker(&self) -> bool {
        self.column() == 0 && matches!(self.at(0), b'-' | b'.') && self.is_marker(self.at(0))
    }

    /// Advances past the line break at this position, and returns the character that it is read as.
    pub(super) fn read_line(&mut self) -> char {
        let (width, read) = match (self.at(0), self.at(1), self.at(2)) {
            // kubectl removes a carriage return before each line feed first.
            (b'\r', b'\r', b'\n') => (3, '\n'),
            (b'\r', b'\n', _) => (2, '\n'),
            (0xc2, ..) => (2, '\n'),
            (0xe2, _, 0xa8) => (3, '\u{2028}'),
            (0xe2, ..) => (3, '\u{2029}'),
            _ => (1, '\n'),
        };
        if self.at(0) >= 0x80 {
            self.wide += width - 1;
        }
        self.pos += width;
        self.line += 1;
        self.line_start = self.pos - self.wide;
        read
    }

    pub(super) fn skip_line(&mut self) {
        self.read_line();
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.is_blank() {
            self.advance(1);
        }
    }

    /// Advances to the end of the line.
    pub(super) fn skip_to_break(&mut self) {
        loop {
            let rest = self.bytes.get(self.pos..).unwrap_or_default();
            self.pos += rest.iter().take_while(|&&byte| matches!(byte, b' '..0x80 | b'\t')).count();
            if self.at(0) < 0x80 || self.is_break(0) {
                return;
            }
            self.skip();
        }
    }
}

/// Returns the number of bytes of the character that begins with this one.
const fn width(byte: u8) -> usize {
    match byte {
        0..=0xbf => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
    }
}

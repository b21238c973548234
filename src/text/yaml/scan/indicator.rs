//! The characters that open, close and separate collections and documents.

use super::{MAX_DEPTH, ScanError, Scanner, SimpleKey, Token, TokenKind};

impl Scanner<'_> {
    pub(super) fn fetch_stream_end(&mut self) -> Result<(), ScanError> {
        // The marker is at the start of a line of its own, whatever the column.
        self.unroll_indent(-1);
        self.remove_key()?;
        self.key_allowed = false;
        self.ended = true;
        let at = self.cursor.offset();
        self.push(Token::new(TokenKind::StreamEnd, at, at));
        Ok(())
    }

    pub(super) fn fetch_marker(&mut self, kind: TokenKind) -> Result<(), ScanError> {
        self.unroll_indent(-1);
        self.remove_key()?;
        self.key_allowed = false;
        self.one_token(kind, 3);
        Ok(())
    }

    fn one_token(&mut self, kind: TokenKind, width: usize) {
        let start = self.cursor.offset();
        self.cursor.advance(width);
        self.push(Token::new(kind, start, start + width as u32));
    }

    pub(super) fn fetch_flow_start(&mut self, kind: TokenKind) -> Result<(), ScanError> {
        self.save_key()?;
        let key = SimpleKey {
            possible: false,
            required: false,
            listed: false,
            token: self.next_number(),
            mark: self.cursor.mark(),
        };
        self.keys.push(key);
        if self.keys.len() > MAX_DEPTH + 1 {
            return Err(self.here(&format!("exceeded max depth of {MAX_DEPTH}")));
        }
        self.key_allowed = true;
        self.one_token(kind, 1);
        Ok(())
    }

    pub(super) fn fetch_flow_end(&mut self, kind: TokenKind) -> Result<(), ScanError> {
        self.remove_key()?;
        if self.in_flow()
            && let Some(level) = self.keys.pop()
            && let Some(key) = self.keys.last_mut()
            && key.token == level.token
        {
            key.listed = false;
        }
        self.key_allowed = false;
        self.one_token(kind, 1);
        Ok(())
    }

    pub(super) fn fetch_flow_entry(&mut self) -> Result<(), ScanError> {
        self.remove_key()?;
        self.key_allowed = true;
        self.one_token(TokenKind::FlowEntry, 1);
        Ok(())
    }

    pub(super) fn fetch_block_entry(&mut self) -> Result<(), ScanError> {
        if !self.in_flow() {
            if !self.key_allowed {
                return Err(self.here("block sequence entries are not allowed in this context"));
            }
            let start = self.cursor.offset();
            self.roll_indent(self.cursor.column(), None, TokenKind::BlockSequenceStart, start)?;
        }
        self.remove_key()?;
        self.key_allowed = true;
        self.one_token(TokenKind::BlockEntry, 1);
        Ok(())
    }

    pub(super) fn fetch_key(&mut self) -> Result<(), ScanError> {
        if !self.in_flow() {
            if !self.key_allowed {
                return Err(self.here("mapping keys are not allowed in this context"));
            }
            let start = self.cursor.offset();
            self.roll_indent(self.cursor.column(), None, TokenKind::BlockMappingStart, start)?;
        }
        self.remove_key()?;
        self.key_allowed = !self.in_flow();
        self.one_token(TokenKind::Key, 1);
        Ok(())
    }

    pub(super) fn fetch_value(&mut self) -> Result<(), ScanError> {
        let last = self.keys.len() - 1;
        if self.is_valid(last)? {
            let key = self.keys[last];
            self.insert(key.token, Token::new(TokenKind::Key, key.mark.offset, key.mark.offset));
            self.roll_indent(key.mark.column, Some(key.token), TokenKind::BlockMappingStart, key.mark.offset)?;
            self.keys[last].possible = false;
            self.key_allowed = false;
        } else {
            if !self.in_flow() {
                if !self.key_allowed {
                    return Err(self.here("mapping values are not allowed in this context"));
                }
                let start = self.cursor.offset();
                self.roll_indent(self.cursor.column(), None, TokenKind::BlockMappingStart, start)?;
            }
            self.key_allowed = !self.in_flow();
        }
        self.one_token(TokenKind::Value, 1);
        Ok(())
    }
}

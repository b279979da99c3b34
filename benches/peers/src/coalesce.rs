//! A stream that gathers small writes and passes them on as one when it is read from again, or flushed.
//!
//! fastwebsockets writes each frame by itself, and reads from the stream only when it holds no whole frame any more: so
//! the answers to all frames of one read leave as one write. Large frames go through without a copy.

use bytes::{Buf, Bytes, BytesMut};
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is gathered at most.
const MOST: usize = 64 << 10;

pub struct Coalesce<S> {
    stream: S,
    /// What had been read of the stream before it came here.
    early: Bytes,
    gathered: BytesMut,
}

impl<S: AsyncWrite + Unpin> Coalesce<S> {
    pub fn new(stream: S, early: Bytes) -> Self {
        Self { stream, early, gathered: BytesMut::new() }
    }

    fn poll_pass(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while !self.gathered.is_empty() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.gathered))?;
            if count == 0 {
                return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
            }
            self.gathered.advance(count);
        }
        // Room for the next ones, at the start of the same memory.
        self.gathered.clear();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Coalesce<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        ready!(self.poll_pass(cx))?;
        if !self.early.is_empty() {
            let count = self.early.len().min(buf.remaining());
            buf.put_slice(&self.early.split_to(count));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Coalesce<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(data)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if self.gathered.len() + length > MOST {
            ready!(self.poll_pass(cx))?;
        }
        if length > MOST {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        }
        slices.iter().for_each(|slice| self.gathered.extend_from_slice(slice));
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.poll_pass(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.poll_pass(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

//! Structured logs on standard error. Only this program's own events are written: what a library would say about a
//! request or a connection may hold a token or a value, so libraries speak through our own errors or not at all.

use std::str::FromStr;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For a person at a terminal.
    Text,
}

impl FromStr for LogFormat {
    type Err = LoggingError;

    fn from_str(word: &str) -> Result<LogFormat, LoggingError> {
        match word {
            "json" => Ok(LogFormat::Json),
            "text" => Ok(LogFormat::Text),
            _ => Err(LoggingError::Format),
        }
    }
}

/// From which severity on lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// What needs a person.
    Error,
    /// What may come to need one.
    Warn,
    /// What changes: start, assignment, reload, stop.
    #[default]
    Info,
    /// What happens at each cut.
    Debug,
    /// Everything.
    Trace,
}

impl FromStr for LogLevel {
    type Err = LoggingError;

    fn from_str(word: &str) -> Result<LogLevel, LoggingError> {
        match word {
            "error" => Ok(LogLevel::Error),
            "warn" => Ok(LogLevel::Warn),
            "info" => Ok(LogLevel::Info),
            "debug" => Ok(LogLevel::Debug),
            "trace" => Ok(LogLevel::Trace),
            _ => Err(LoggingError::Level),
        }
    }
}

/// Why logging cannot be set up.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LoggingError {
    /// Not a format.
    #[error("log format is one of json, text")]
    Format,
    /// Not a level.
    #[error("log level is one of error, warn, info, debug, trace")]
    Level,
    /// The process has a subscriber already.
    #[error("logging was set up twice")]
    Twice,
}

/// Sends the process's logs to standard error; once a process.
pub fn init_logging(format: LogFormat, level: LogLevel) -> Result<(), LoggingError> {
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::registry().with(layer(format, level, colour, std::io::stderr)).try_init().map_err(|_| LoggingError::Twice)
}

/// The one layer: our own events from a level on, written to `writer`.
fn layer<S, W>(format: LogFormat, level: LogLevel, colour: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let ours = Targets::new().with_default(LevelFilter::OFF).with_target("privet", filter(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colour && format == LogFormat::Text);
    match format {
        LogFormat::Json => lines.json().flatten_event(true).with_filter(ours).boxed(),
        LogFormat::Text => lines.with_filter(ours).boxed(),
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: LogLevel, act: impl FnOnce()) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::registry().with(layer(format, level, true, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, act);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_has_its_fields_beside_the_message() {
        let text = logged(LogFormat::Json, LogLevel::Info, || tracing::info!(worker = 1, "ready"));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "ready");
        assert_eq!(line["worker"], 1);
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn libraries_stay_silent_and_so_does_what_is_below_the_level() {
        let text = logged(LogFormat::Text, LogLevel::Info, || {
            tracing::error!(target: "hyper::proto", "authorization: Bearer x");
            tracing::debug!("detail");
            tracing::warn!("shown");
        });
        assert!(text.contains("shown"), "{text}");
        assert!(!text.contains("Bearer") && !text.contains("detail"), "{text}");
    }

    #[test]
    fn unknown_words_are_refused() {
        assert_eq!("yaml".parse::<LogFormat>(), Err(LoggingError::Format));
        assert_eq!("verbose".parse::<LogLevel>(), Err(LoggingError::Level));
    }
}

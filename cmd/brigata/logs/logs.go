// Package logs is how the commands log, as their flags say.
package logs

import (
	"io"
	"log/slog"
	"os"
)

// Options says how a long-running command logs, to stderr.
type Options struct {
	LogFormat string     `help:"Form of the log: text, json, or auto: text on a terminal, JSON elsewhere." enum:"auto,text,json" default:"auto" env:"BRIGATA_LOG_FORMAT"`
	LogLevel  slog.Level `help:"Least level that is logged: debug, info, warn, error." default:"info" env:"BRIGATA_LOG_LEVEL"`
}

// Logger is what the command logs with, and whatever logs with slog's default.
func (l Options) Logger(to *os.File) *slog.Logger {
	format := l.LogFormat
	if format == "auto" {
		format = "json"
		if at, err := to.Stat(); err == nil && at.Mode()&os.ModeCharDevice != 0 {
			format = "text"
		}
	}
	log := newLogger(to, format, l.LogLevel)
	slog.SetDefault(log)
	return log
}

func newLogger(to io.Writer, format string, level slog.Level) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(to, o))
	}
	return slog.New(slog.NewTextHandler(to, o))
}

package server

import (
	"context"

	"github.com/brigata/brigata/actors/journal"
)

// archive is the read models: lists and histories.
type archive struct{}

func openArchive(context.Context, Options, journal.Journal) (*archive, error) { return &archive{}, nil }

func (a *archive) wake()        {}
func (a *archive) close() error { return nil }

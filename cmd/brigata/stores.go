package main

import (
	"context"
	"fmt"
	"os"

	"github.com/brigata/brigata/cmd/brigata/demo"
	"github.com/brigata/brigata/cmd/brigata/terminal"
)

// StoreCmd loads stores into a running node.
type StoreCmd struct {
	Apply StoreApply `cmd:"" help:"Load or replace a store from its document."`
	Demo  StoreDemo  `cmd:"" help:"Load numbered demo stores: demo-1, demo-2, …"`
}

// StoreApply loads a document.
type StoreApply struct {
	terminal.Options
	File string `arg:"" type:"existingfile" help:"Store document (JSON)."`
}

// Run loads it.
func (s *StoreApply) Run(ctx context.Context) error {
	doc, err := os.ReadFile(s.File)
	if err != nil {
		return err
	}
	id, err := terminal.PutStore(ctx, s.Options, doc)
	if err == nil {
		fmt.Println("applied", id)
	}
	return err
}

// StoreDemo loads demo stores.
type StoreDemo struct {
	terminal.Options
	Count int `help:"How many." default:"1"`
}

// Run loads them.
func (s *StoreDemo) Run(ctx context.Context) error {
	if s.Count < 1 || s.Count > 10_000 {
		return terminal.Usage{Message: "--count is 1 to 10000"}
	}
	for i := range s.Count {
		if _, err := terminal.PutStore(ctx, s.Options, demo.Numbered(i+1)); err != nil {
			return err
		}
	}
	fmt.Printf("applied demo-1 to demo-%d\n", s.Count)
	return nil
}

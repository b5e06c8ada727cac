package stream

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

const rowsMax = 1 << 20

// Table reads rows of numbers with a class at their end, divided by commas: a CSV file with
// or without a line of names, or an ARFF file. Classes are numbered by their names' order.
func Table(r io.Reader) (Shape, []Row, error) {
	var rows []Row
	var labels []string
	s, lines := Shape{}, bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '@' || line[0] == '%' {
			continue
		}
		x, label, err := fields(line)
		switch {
		case err != nil && len(rows) == 0 && s.Features == 0: // names
			s.Features = -1
			continue
		case err == nil && len(rows) == 0:
			s.Features = len(x)
		case err == nil && len(x) != s.Features:
			err = errRow
		}
		if err != nil {
			return s, nil, fmt.Errorf("line %d: %w", n, err)
		}
		if len(rows) == rowsMax {
			return s, nil, fmt.Errorf("line %d: more than %d rows", n, rowsMax)
		}
		rows, labels = append(rows, Row{X: x}), append(labels, label)
	}
	if err := lines.Err(); err != nil {
		return s, nil, err
	}
	names := slices.Compact(slices.Sorted(slices.Values(labels)))
	s.Classes = len(names)
	if err := s.Check(); err != nil {
		return s, nil, err
	}
	for i := range rows {
		rows[i].Class, _ = slices.BinarySearch(names, labels[i])
		if err := s.Takes(rows[i]); err != nil {
			return s, nil, fmt.Errorf("row %d: %w", i+1, err)
		}
	}
	return s, rows, nil
}

func fields(line string) (x []float64, label string, err error) {
	parts := strings.Split(line, ",")
	for i := range parts {
		parts[i] = strings.Trim(parts[i], ` '"`)
	}
	last := len(parts) - 1
	for _, p := range parts[:last] {
		v, err := strconv.ParseFloat(p, 64)
		if err != nil {
			return nil, "", err
		}
		x = append(x, v)
	}
	return x, parts[last], nil
}

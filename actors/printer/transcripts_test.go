package printer_test

import (
	"testing"

	"github.com/brigata/brigata/actors/story"
)

func TestTranscripts(t *testing.T) { story.TranscriptsOf(t, story.Paper()) }

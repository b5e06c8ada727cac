package printer_test

import (
	"testing"

	"github.com/brigata/brigata/actors/story"
)

func TestTranscripts(t *testing.T) {
	story.TranscriptsOf(t, story.Paper(), "paper")
	story.TranscriptsOf(t, story.Pass(), "pass")
	story.TranscriptsOf(t, story.Store, "none")
}

//go:build !linux

package doctor

import "errors"

func inStep() (bool, error) { return false, errors.ErrUnsupported }

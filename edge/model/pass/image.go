package pass

import (
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Image is what the net sees: red, green and blue of every pixel, each from 0 to 1.
type Image [3 * Side * Side]float32

const (
	// JPEGMax bounds a file, bytes, and pixelsMax what it unpacks to.
	JPEGMax   = 2 << 20
	pixelsMax = 2 << 20 // 1920×1080
)

// ErrImage says that bytes are no picture that can be looked at.
var ErrImage = errors.New("not a JPEG of the pass")

// FromJPEG reads a picture; each of the net's pixels is the mean of those that it covers.
func FromJPEG(r io.ReadSeeker) (*Image, error) {
	c, err := jpeg.DecodeConfig(io.LimitReader(r, JPEGMax))
	if err != nil || c.Width < Side || c.Height < Side || c.Width*c.Height > pixelsMax {
		return nil, ErrImage
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	p, err := jpeg.Decode(io.LimitReader(r, JPEGMax))
	if err != nil {
		return nil, ErrImage
	}
	return shrink(p), nil
}

func shrink(p image.Image) *Image {
	b, im := p.Bounds(), new(Image)
	var n [Side * Side]float32
	for y := range b.Dy() {
		for x := range b.Dx() {
			at := y*Side/b.Dy()*Side + x*Side/b.Dx()
			red, green, blue, _ := p.At(b.Min.X+x, b.Min.Y+y).RGBA()
			n[at]++
			for c, v := range [3]uint32{red, green, blue} {
				im[c*Side*Side+at] += float32(v) / 0xffff
			}
		}
	}
	for i := range im {
		im[i] /= n[i%(Side*Side)]
	}
	return im
}

const imagesMax = 20_000

// Folder reads labelled pictures: DIR/<dishes>/*.jpg.
func Folder(dir string) (list []Labelled, err error) {
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if ext := strings.ToLower(filepath.Ext(name)); ext != ".jpg" && ext != ".jpeg" {
			return nil
		}
		dishes, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil || dishes < 0 {
			return fmt.Errorf("%s: its folder is not a number of dishes", name)
		}
		if len(list) == imagesMax {
			return fmt.Errorf("%s has more than %d pictures", dir, imagesMax)
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		im, err := FromJPEG(f)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		list = append(list, Labelled{Image: im, Dishes: dishes})
		return nil
	})
	return list, err
}

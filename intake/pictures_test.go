package intake

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// paint returns a picture whose top left quarter is red and whose rest is blue.
func paint(w, h int) *image.NRGBA {
	p := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			p.Set(x, y, color.NRGBA{B: 255, A: 255})
			if x < w/2 && y < h/2 {
				p.Set(x, y, color.NRGBA{R: 255, A: 255})
			}
		}
	}
	return p
}

func picture(t *testing.T, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, paint(w, h)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// photo returns a JPEG that notes its orientation and a place.
func photo(t *testing.T, w, h, orientation int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, paint(w, h), &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	tiff := []byte("II*\x00\x08\x00\x00\x00\x01\x00")
	tiff = binary.LittleEndian.AppendUint16(tiff, 0x0112)
	tiff = append(tiff, 3, 0, 1, 0, 0, 0, byte(orientation), 0, 0, 0, 0, 0, 0, 0)
	segment := append([]byte("Exif\x00\x00"), append(tiff, "GPS 51.4778 N 0.0014 W"...)...)
	out := append([]byte{0xff, 0xd8, 0xff, 0xe1}, byte((len(segment)+2)>>8), byte(len(segment)+2))
	return append(append(out, segment...), b.Bytes()[2:]...)
}

func TestPictures(t *testing.T) {
	transparent := image.NewNRGBA(image.Rect(0, 0, 30, 20))
	var glass, cartoon bytes.Buffer
	if err := png.Encode(&glass, transparent); err != nil {
		t.Fatal(err)
	}
	if err := gif.Encode(&cartoon, paint(30, 20), nil); err != nil {
		t.Fatal(err)
	}
	noise := image.NewNRGBA(image.Rect(0, 0, 600, 400))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = byte(random.Uint32())
		if i%4 == 3 {
			noise.Pix[i] = 255
		}
	}
	var grainy bytes.Buffer
	if err := png.Encode(&grainy, noise); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		file []byte
		w, h int
		ext  string
	}{
		{"small ones keep their size", picture(t, 300, 200), 300, 200, ".png"},
		{"wide ones are scaled", picture(t, 2400, 900), 1200, 450, ".png"},
		{"tall ones only if they are wide", picture(t, 600, 2000), 600, 2000, ".png"},
		{"a photograph stays one", photo(t, 400, 300, 1), 400, 300, ".jpg"},
		{"one held upright is turned", photo(t, 400, 300, 6), 300, 400, ".jpg"},
		{"a wide one held upright is scaled by its shown width", photo(t, 1000, 2400, 6), 1200, 500, ".jpg"},
		{"what can be seen through stays PNG", glass.Bytes(), 30, 20, ".png"},
		{"a GIF becomes a PNG", cartoon.Bytes(), 30, 20, ".png"},
		{"a heavy PNG becomes a JPEG", grainy.Bytes(), 600, 400, ".jpg"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFolder(t, map[string]string{"a.md": "---\nheadline: H\npublished: 2026-02-08T11:30:00Z\nimage: {src: pics/x.img, alt: A picture, caption: C, credit: D}\n---\n"})
			write(t, f, "pics/x.img", string(tt.file), now)
			r := read(t, f)
			if len(r.Articles) != 1 || r.Articles[0].Image == nil {
				t.Fatalf("refused %q, warnings %q", lines(r.Refused), lines(r.Warnings))
			}
			i := r.Articles[0].Image
			if i.Width != tt.w || i.Height != tt.h || filepath.Ext(i.File) != tt.ext || len(i.File) != 32+len(tt.ext) || i.Alt != "A picture" || i.Caption != "C" || i.Credit != "D" {
				t.Errorf("image %+v, want %d by %d%s", i, tt.w, tt.h, tt.ext)
			}
			served, err := os.ReadFile(filepath.Join(f.Media, i.File))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(served, []byte("GPS")) || bytes.Contains(served, []byte("Exif")) {
				t.Error("what the camera noted is served to readers")
			}
			config, _, err := image.DecodeConfig(bytes.NewReader(served))
			if err != nil || config.Width != tt.w || config.Height != tt.h {
				t.Errorf("served %d by %d, error %v", config.Width, config.Height, err)
			}
			// Once there, it is neither made nor written again.
			past := now.Add(-time.Hour)
			if err := os.Chtimes(filepath.Join(f.Media, i.File), past, past); err != nil {
				t.Fatal(err)
			}
			read(t, f)
			if info, err := os.Stat(filepath.Join(f.Media, i.File)); err != nil || !info.ModTime().Equal(past) {
				t.Error("the picture was written again")
			}
		})
	}
}

func TestOrientation(t *testing.T) {
	// Where the red quarter of the picture as stored must be shown.
	want := map[int][2]bool{ // right, bottom
		1: {false, false}, 2: {true, false}, 3: {true, true}, 4: {false, true},
		5: {false, false}, 6: {true, false}, 7: {true, true}, 8: {false, true},
	}
	for o, corner := range want {
		source := photo(t, 80, 40, o)
		if got := orientation(source); got != o {
			t.Errorf("orientation: %d, want %d", got, o)
		}
		made, ext, wrong := scale(source)
		if wrong != nil || ext != ".jpg" {
			t.Fatal(wrong)
		}
		shown, err := jpeg.Decode(bytes.NewReader(made))
		if err != nil {
			t.Fatal(err)
		}
		size := shown.Bounds().Size()
		if sideways := size.Y > size.X; sideways != turnsSide(o) {
			t.Errorf("orientation %d: shown %v", o, size)
		}
		x, y := size.X/4, size.Y/4
		if corner[0] {
			x = size.X * 3 / 4
		}
		if corner[1] {
			y = size.Y * 3 / 4
		}
		if red, _, blue, _ := shown.At(x, y).RGBA(); red < blue {
			t.Errorf("orientation %d: the red quarter is not at right %v, bottom %v", o, corner[0], corner[1])
		}
	}
}

func FuzzOrientation(f *testing.F) {
	f.Add([]byte{0xff, 0xd8, 0xff, 0xe1, 0, 20, 'E', 'x', 'i', 'f', 0, 0, 'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, source []byte) {
		if o := orientation(source); o < 1 || o > 8 {
			t.Errorf("orientation: %d", o)
		}
	})
}

func TestBadPicturesAreLeftOut(t *testing.T) {
	// A PNG that says it has 200,000 by 200,000 pixels.
	bomb := picture(t, 8, 8)
	binary.BigEndian.PutUint32(bomb[16:], 200_000)
	binary.BigEndian.PutUint32(bomb[20:], 200_000)
	binary.BigEndian.PutUint32(bomb[29:], crc32.ChecksumIEEE(bomb[12:29]))
	tests := []struct{ name, src, why string }{
		{"not there", "none.png", "there is no file"},
		{"above the folder", "../secret.png", "leads out of the articles' folder"},
		{"above it by a detour", "pics/../../secret.png", "leads out of the articles' folder"},
		{"an absolute path", "/etc/passwd", "leads out of the articles' folder"},
		{"a link that leads out", "link.png", "is no regular file"},
		{"a link within", "inner.png", "is no regular file"},
		{"through a linked folder", "away/secret.png", ""},
		{"on another server", "https://x.example/x.png", "is not fetched"},
		{"no picture", "text.png", "it is no JPEG, PNG or GIF"},
		{"cut off", "torn.png", "it is damaged"},
		{"a bomb", "bomb.png", "pixels"},
		{"a folder", "pics", "is no regular file"},
		{"too heavy", "heavy.png", "at most 20"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFolder(t, map[string]string{
				"a.md":     "---\nheadline: H\npublished: 2026-02-08T11:30:00Z\nimage: {src: \"" + tt.src + "\", alt: x}\n---\nText ![y](" + tt.src + ")\n",
				"text.png": "text", "torn.png": string(picture(t, 50, 50)[:60]), "bomb.png": string(bomb), "pics/x.png": "x", "heavy.png": "",
			})
			secret := filepath.Join(filepath.Dir(f.Dir), "secret.png")
			if err := os.WriteFile(secret, picture(t, 10, 10), 0o600); err != nil {
				t.Fatal(err)
			}
			for name, target := range map[string]string{"link.png": secret, "inner.png": "pics/x.png", "away": filepath.Dir(secret)} {
				if err := os.Symlink(target, filepath.Join(f.Dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Truncate(filepath.Join(f.Dir, "heavy.png"), pictureLimit+1); err != nil {
				t.Fatal(err)
			}
			r := read(t, f)
			if len(r.Articles) != 1 || r.Articles[0].Image != nil || len(r.Articles[0].Body) != 1 {
				t.Fatalf("articles %+v, refused %q; want the article without the picture", r.Articles, lines(r.Refused))
			}
			got := strings.Join(lines(r.Warnings), "\n")
			if !strings.Contains(got, "a.md:4: image: ") || !strings.Contains(got, tt.why) || !strings.Contains(got, "printed without it") {
				t.Errorf("warnings %q, want one with %q", got, tt.why)
			}
			if entries, err := os.ReadDir(f.Media); err == nil && len(entries) > 0 {
				t.Errorf("%d files were put where readers can fetch them", len(entries))
			}
		})
	}
}

func TestPictureWithoutDescription(t *testing.T) {
	f := newFolder(t, map[string]string{"a.md": head + "One.\n\n![](x.png \"A caption\")\n"})
	write(t, f, "x.png", string(picture(t, 20, 10)), now)
	r := read(t, f)
	if got := lines(r.Warnings); len(got) != 1 || !strings.Contains(got[0], "a.md:7: image: there is no alt") {
		t.Errorf("warnings %q", got)
	}
	body := r.Articles[0].Body
	if len(body) != 2 || body[1].Image == nil || body[1].Image.Caption != "A caption" || body[1].Image.Width != 20 {
		t.Errorf("body %+v, want the picture with its caption", body)
	}
}

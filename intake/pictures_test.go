package intake

import (
	"bytes"
	"encoding/binary"
	"fmt"
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
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zotpaper/zotpaper/edition"
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

func picture(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, paint(w, h)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// photo returns a JPEG that notes its orientation and a place, its numbers in
// the given order.
func photo(t *testing.T, w, h, orientation int, order binary.AppendByteOrder) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, paint(w, h), &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	tiff := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		tiff = []byte("MM\x00*")
	}
	tiff = order.AppendUint16(order.AppendUint32(tiff, 8), 2) // one directory, two entries
	for _, entry := range [][2]int{{0x010f, 1}, {0x0112, orientation}} {
		tiff = order.AppendUint16(order.AppendUint16(tiff, uint16(entry[0])), 3)
		tiff = append(order.AppendUint16(order.AppendUint32(tiff, 1), uint16(entry[1])), 0, 0)
	}
	exif := append([]byte("Exif\x00\x00"), append(tiff, "GPS 51.4778 N 0.0014 W"...)...)
	out := []byte{0xff, 0xd8}
	for _, segment := range [][]byte{[]byte("http://ns.adobe.com/xap/1.0/\x00GPS"), exif} {
		out = append(out, 0xff, 0xe1, byte((len(segment)+2)>>8), byte(len(segment)+2))
		out = append(out, segment...)
	}
	return append(out, b.Bytes()[2:]...)
}

// withText returns a PNG in which a text is noted.
func withText(source []byte, text string) []byte {
	chunk := append([]byte("tEXt"), text...)
	out := append([]byte{}, source[:33]...) // signature and header
	out = binary.BigEndian.AppendUint32(out, uint32(len(text)))
	out = binary.BigEndian.AppendUint32(append(out, chunk...), crc32.ChecksumIEEE(chunk))
	return append(out, source[33:]...)
}

func encoded(t *testing.T, encode func(w *bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// noise returns a picture that hardly shrinks when packed.
func noise(w, h int) *image.NRGBA {
	p := image.NewNRGBA(image.Rect(0, 0, w, h))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range p.Pix {
		p.Pix[i] = byte(random.Uint32())
		if i%4 == 3 {
			p.Pix[i] = 255
		}
	}
	return p
}

func TestPictures(t *testing.T) {
	glass := noise(400, 300)
	glass.Pix[3] = 100
	grey := image.NewGray16(image.Rect(0, 0, 30, 20))
	palette := image.NewPaletted(image.Rect(0, 0, 30, 20), color.Palette{color.Transparent, color.White})
	tests := []struct {
		name string
		file []byte
		w, h int
		ext  string
	}{
		{"small ones keep their size", picture(t, 300, 200), 300, 200, ".png"},
		{"the widest is not scaled", picture(t, 1200, 30), 1200, 30, ".png"},
		{"wider ones are scaled in proportion", picture(t, 2400, 20), 1200, 10, ".png"},
		{"very flat ones keep a line", picture(t, 3000, 1), 1200, 1, ".png"},
		{"tall ones only if they are wide", picture(t, 30, 1500), 30, 1500, ".png"},
		{"a photograph stays one", photo(t, 400, 300, 1, binary.LittleEndian), 400, 300, ".jpg"},
		{"one held upright is turned", photo(t, 40, 30, 6, binary.LittleEndian), 30, 40, ".jpg"},
		{"a wide one held upright is scaled by its shown width", photo(t, 20, 2400, 8, binary.BigEndian), 1200, 10, ".jpg"},
		{"what can be seen through stays PNG, however heavy", encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, glass) }), 400, 300, ".png"},
		{"a GIF becomes a PNG", encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, paint(30, 20), nil) }), 30, 20, ".png"},
		{"grey of 16 bits", encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, grey) }), 30, 20, ".png"},
		{"a palette with a see-through colour", encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, palette) }), 30, 20, ".png"},
		{"a heavy PNG becomes a JPEG", encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, noise(400, 350)) }), 400, 350, ".jpg"},
		{"a PNG with a note", withText(picture(t, 20, 10), "place\x00GPS 51.4778 N"), 20, 10, ".png"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFolder(t, map[string]string{"pics/x.img": string(tt.file), "a.md": "---\nheadline: H\npublished: 2026-02-08T11:30:00Z\nimage: {src: pics/x.img, alt: A picture, caption: C, credit: D}\n---\n"})
			i := onlyImage(t, read(t, f))
			want := &edition.Image{File: fileOf(tt.file) + tt.ext, Alt: "A picture", Caption: "C", Credit: "D", Width: tt.w, Height: tt.h}
			if diff := cmp.Diff(want, i); diff != "" {
				t.Errorf("image (-want +got):\n%s", diff)
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
			// Made anew elsewhere, it is the same.
			f.Media = filepath.Join(t.TempDir(), "media")
			read(t, f)
			if again, err := os.ReadFile(filepath.Join(f.Media, i.File)); err != nil || !bytes.Equal(again, served) {
				t.Errorf("the same picture comes out with other bytes, error %v", err)
			}
			if entries, err := os.ReadDir(f.Media); err != nil || len(entries) != 1 {
				t.Errorf("the media folder holds %v, error %v; want one picture", entries, err)
			}
		})
	}
}

// onlyImage returns the image of the only article.
func onlyImage(t *testing.T, r Result) *edition.Image {
	t.Helper()
	if len(r.Articles) != 1 || r.Articles[0].Image == nil || len(r.Warnings) > 0 {
		t.Fatalf("refused %q, warnings %q", lines(r.Refused), lines(r.Warnings))
	}
	return r.Articles[0].Image
}

func TestOnePictureUnderTwoNamesIsServedOnce(t *testing.T) {
	f := newFolder(t, map[string]string{"a.md": head + "![x](one.png)\n\n![y](two.png)\n", "b.md": head + "![z](one.png)", "one.png": string(picture(t, 9, 9)), "two.png": string(picture(t, 9, 9))})
	r := read(t, f)
	files := map[string]bool{}
	for _, a := range r.Articles {
		for _, b := range a.Body {
			files[b.Image.File] = true
		}
	}
	if entries, err := os.ReadDir(f.Media); err != nil || len(entries) != 1 || len(files) != 1 {
		t.Errorf("%d files for %d names, error %v; want one", len(entries), len(files), err)
	}
}

func TestNamesOfPicturesAsAMacWritesThem(t *testing.T) {
	f := newFolder(t, map[string]string{"a.md": "---\nheadline: H\npublished: 2026-02-08T11:30:00Z\nimage: {src: Fähre.png, alt: x}\n---\n", "Fa\u0308hre.png": string(picture(t, 9, 9))})
	onlyImage(t, read(t, f))
}

func TestReadingAtTheSameTime(t *testing.T) {
	f := newFolder(t, map[string]string{"a.md": fullArticle, "ferry.png": string(picture(t, 1300, 13)), "pics/time table.png": string(picture(t, 20, 10))})
	results := make([]Result, 4)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() {
			var err error
			if results[i], err = f.Read(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, r := range results[1:] {
		if diff := cmp.Diff(results[0], r); diff != "" || len(r.Warnings) > 0 {
			t.Errorf("readings differ, warnings %q:\n%s", lines(r.Warnings), diff)
		}
	}
	if entries, err := os.ReadDir(f.Media); err != nil || len(entries) != 2 {
		t.Errorf("the media folder holds %v, error %v; want two pictures", entries, err)
	}
}

func TestMediaFolderThatCannotBeWritten(t *testing.T) {
	f := newFolder(t, map[string]string{"a.md": head + "One.\n\n![x](x.png)", "x.png": string(picture(t, 9, 9)), "media": "a file"})
	f.Media = filepath.Join(f.Dir, "media")
	r := read(t, f)
	if got := lines(r.Warnings); len(got) != 1 || !strings.HasPrefix(got[0], `a.md:7: image: "x.png" cannot be put on the web: `) || show(r.Articles[0].Body) != "One." {
		t.Errorf("warnings %q, articles %+v; want the article without its picture", got, r.Articles)
	}
}

func TestOrientation(t *testing.T) {
	// Where the red quarter of the picture as stored must be shown.
	want := map[int][2]bool{ // right, bottom
		1: {false, false}, 2: {true, false}, 3: {true, true}, 4: {false, true},
		5: {false, false}, 6: {true, false}, 7: {true, true}, 8: {false, true},
	}
	for o, corner := range want {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			t.Run(fmt.Sprint(o, order), func(t *testing.T) {
				source := photo(t, 80, 40, o, order)
				if got := orientation(source); got != o {
					t.Fatalf("orientation: %d, want %d", got, o)
				}
				made, ext, err := scale(source)
				if err != nil || ext != ".jpg" {
					t.Fatal(err)
				}
				shown, err := jpeg.Decode(bytes.NewReader(made))
				if err != nil {
					t.Fatal(err)
				}
				size := shown.Bounds().Size()
				if sideways := size.Y > size.X; sideways != turnsSide(o) {
					t.Errorf("shown %v", size)
				}
				// Each quarter of it is red or blue.
				for right := range 2 {
					for bottom := range 2 {
						red, _, blue, _ := shown.At(size.X*(1+2*right)/4, size.Y*(1+2*bottom)/4).RGBA()
						if isRed := red > blue; isRed != ((right == 1) == corner[0] && (bottom == 1) == corner[1]) {
							t.Errorf("red %v at right %d, bottom %d", isRed, right, bottom)
						}
					}
				}
			})
		}
	}
}

func TestOrientationThatIsNotGiven(t *testing.T) {
	whole := photo(t, 8, 8, 6, binary.BigEndian)
	for name, source := range map[string][]byte{
		"a PNG": picture(t, 8, 8), "nothing": nil, "a JPEG's beginning": {0xff, 0xd8}, "cut off in the note": whole[:60],
		"0": photo(t, 8, 8, 0, binary.BigEndian), "9": photo(t, 8, 8, 9, binary.LittleEndian),
	} {
		if got := orientation(source); got != 1 {
			t.Errorf("%s: orientation %d, want 1, upright", name, got)
		}
	}
}

func FuzzOrientation(f *testing.F) {
	f.Add([]byte{0xff, 0xd8, 0xff, 0xe1, 0, 20, 'E', 'x', 'i', 'f', 0, 0, 'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0})
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x10Exif\x00\x00II*\x00\xff\xff\xff\xff"))
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
		{"not there", "none.png", `there is no file "none.png"`},
		{"above the folder", "../secret.png", `"../secret.png" leads out of the articles' folder`},
		{"above it by a detour", "pics/../../secret.png", `"pics/../../secret.png" leads out of the articles' folder`},
		{"above it in disguise", "%2e%2e/secret.png", ""},
		{"an absolute path", "/etc/passwd", `"/etc/passwd" leads out of the articles' folder`},
		{"a link that leads out", "link.png", `"link.png" is no regular file; put a copy of the picture in its place`},
		{"a link within", "inner.png", `"inner.png" is no regular file; put a copy of the picture in its place`},
		{"through a linked folder", "away/secret.png", `"away/secret.png" cannot be read: path escapes from parent`},
		{"on another server", "https://x.example/x.png", `"https://x.example/x.png" is not fetched; put the picture beside the article`},
		{"on another server without scheme", "//x.example/x.png", `"//x.example/x.png" is not fetched; put the picture beside the article`},
		{"no picture", "text.png", `"text.png" is no JPEG, PNG or GIF; save it as one`},
		{"cut off", "torn.png", `"torn.png" is damaged (png: invalid format: not enough pixel data); export it again`},
		{"cut off in its header", "head.png", `"head.png" is damaged (unexpected EOF); export it again`},
		{"a bomb", "bomb.png", `"bomb.png" has 200000 by 200000 pixels, at most 40 million are taken; make it smaller`},
		{"a folder", "pics", `"pics" is no regular file; put a copy of the picture in its place`},
		{"too heavy", "heavy.png", `"heavy.png" has more than 20 MB; make it smaller`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFolder(t, map[string]string{
				"a.md":     "---\nheadline: H\npublished: 2026-02-08T11:30:00Z\nimage: {src: \"" + tt.src + "\", alt: x}\n---\nText ![y](" + tt.src + ")\n",
				"text.png": "text", "torn.png": string(picture(t, 50, 50)[:60]), "head.png": string(picture(t, 50, 50)[:20]), "bomb.png": string(bomb), "pics/x.png": "x", "heavy.png": "",
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
			got := lines(r.Warnings)
			if len(got) != 2 || !strings.HasPrefix(got[0], "a.md:4: image: ") || !strings.HasPrefix(got[1], "a.md:6: image: ") {
				t.Errorf("warnings %q, want one for each line", got)
			}
			for _, warning := range got {
				if !strings.Contains(warning, tt.why+"; the article is printed without it") && tt.why != "" {
					t.Errorf("warning %q, want %q", warning, tt.why)
				}
			}
			if entries, err := os.ReadDir(f.Media); err == nil && len(entries) > 0 {
				t.Errorf("%d files were put where readers can fetch them", len(entries))
			}
		})
	}
}

func TestPictureWithoutDescription(t *testing.T) {
	f := newFolder(t, map[string]string{
		"a.md":  "---\nheadline: H\npublished: 2026-02-08T11:30:00Z\nimage:\n  src: x.png\n---\nOne.\n\n![](x.png \"A caption\")\n",
		"x.png": string(picture(t, 20, 10)),
	})
	r := read(t, f)
	want := []string{
		"a.md:5: image: there is no alt; readers who do not see it learn nothing of it",
		"a.md:9: image: there is no alt; readers who do not see it learn nothing of it",
	}
	if diff := cmp.Diff(want, lines(r.Warnings)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if got := show(r.Articles[0].Body); r.Articles[0].Image == nil || got != "One.\n{|A caption}" {
		t.Errorf("image %v, body %q; want both pictures", r.Articles[0].Image, got)
	}
}

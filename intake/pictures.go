package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // decoded, never written
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/image/draw"
	"golang.org/x/text/unicode/norm"

	"github.com/zotpaper/zotpaper/edition"
)

// The bounds of a picture as filed, and as served.
const (
	pictureLimit = 20 << 20   // bytes
	pixelLimit   = 40_000_000 // a picture unpacks to four bytes each
	widthLimit   = 1200       // pixels: twice the column, for fine screens
	jpegQuality  = 82
	pngLimit     = 400 << 10 // an opaque PNG beyond is a photograph, and becomes a JPEG
)

// pictureVersion is part of a picture's name; it changes when the same file
// would come out differently.
const pictureVersion = "1\x00"

// pictures brings pictures from the articles' folder into the media folder.
type pictures struct {
	root  *os.Root
	media string
}

// image measures a picture, scales it, and puts it into the media folder under
// a name made of its content. What a camera wrote beside the pixels, such as
// where it stood, does not come along.
func (p *pictures) image(f frontImage) (*edition.Image, *fault) {
	source, wrong := p.read(f.Src)
	if wrong != nil {
		return nil, wrong
	}
	out := &edition.Image{Alt: oneLine(f.Alt), Caption: oneLine(f.Caption), Credit: oneLine(f.Credit)}
	for _, s := range []string{out.Alt, out.Caption, out.Credit} {
		if len([]rune(s)) > captionLimit {
			return nil, faultAt(0, "%.40q: at most %d characters", s, captionLimit)
		}
	}
	hash := sha256.New()
	hash.Write([]byte(pictureVersion))
	hash.Write(source)
	name := hex.EncodeToString(hash.Sum(nil)[:16])
	if p.known(name, out) {
		return out, nil
	}
	made, ext, err := scale(source)
	if err != nil {
		return nil, faultAt(0, "%.80q %v", f.Src, err)
	}
	out.File = name + ext
	if err := writeFile(p.media, out.File, made); err != nil {
		return nil, faultAt(0, "%.80q cannot be put on the web: media: %v", f.Src, err)
	}
	if !p.known(name, out) {
		return nil, faultAt(0, "%.80q was put on the web as %s, which cannot be read back", f.Src, out.File)
	}
	return out, nil
}

// read returns the bytes of the picture at src, a path below the articles'
// folder.
func (p *pictures) read(src string) ([]byte, *fault) {
	switch {
	case src == "":
		return nil, faultAt(0, "no file is named; write the name of one beside the article")
	case strings.Contains(src, "://"), strings.HasPrefix(src, "//"), strings.HasPrefix(src, "data:"):
		return nil, faultAt(0, "%.80q is not fetched; put the picture beside the article", src)
	case !filepath.IsLocal(filepath.FromSlash(src)):
		return nil, faultAt(0, "%.80q leads out of the articles' folder", src)
	}
	name := filepath.FromSlash(path.Clean(src))
	info, err := p.root.Lstat(name)
	if decomposed := norm.NFD.String(name); errors.Is(err, fs.ErrNotExist) && decomposed != name {
		name = decomposed // how a Mac writes it
		info, err = p.root.Lstat(name)
	}
	var source []byte
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		err = errNotRegular
	}
	if err == nil {
		source, _, err = readRegular(p.root, name, pictureLimit)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, faultAt(0, "there is no file %.80q", src)
	case errors.Is(err, errNotRegular):
		return nil, faultAt(0, "%.80q is no regular file; put a copy of the picture in its place", src)
	case errors.Is(err, errTooLong):
		return nil, faultAt(0, "%.80q has more than %d MB; make it smaller", src, pictureLimit>>20)
	case err != nil:
		return nil, faultAt(0, "%.80q cannot be read: %v", src, withoutPath(err))
	}
	return source, nil
}

// known completes out if the picture of that name is in the media folder.
func (p *pictures) known(name string, out *edition.Image) bool {
	for _, ext := range []string{".jpg", ".png"} {
		file, err := os.Open(filepath.Join(p.media, name+ext))
		if err != nil {
			continue
		}
		config, _, err := image.DecodeConfig(file)
		file.Close()
		if err == nil {
			out.File, out.Width, out.Height = name+ext, config.Width, config.Height
			return true
		}
	}
	return false
}

// scale returns the picture as it is served, and the extension of its name.
func scale(source []byte) ([]byte, string, error) {
	config, format, err := image.DecodeConfig(bytes.NewReader(source))
	if errors.Is(err, image.ErrFormat) {
		return nil, "", errors.New("is no JPEG, PNG or GIF; save it as one")
	}
	if err != nil {
		return nil, "", fmt.Errorf("is damaged (%w); export it again", err)
	}
	if config.Width < 1 || config.Height < 1 || config.Width > pixelLimit/config.Height {
		return nil, "", fmt.Errorf("has %d by %d pixels, at most %d million are taken; make it smaller", config.Width, config.Height, pixelLimit/1_000_000)
	}
	decoded, _, err := image.Decode(bytes.NewReader(source))
	if err != nil {
		return nil, "", fmt.Errorf("is damaged (%w); export it again", err)
	}
	held := orientation(source)
	picture := turn(shrink(decoded, turnsSide(held)), held)
	var b bytes.Buffer
	if format != "jpeg" {
		if err := png.Encode(&b, picture); err != nil {
			return nil, "", fmt.Errorf("cannot be encoded: %w", err)
		}
		if b.Len() <= pngLimit || !picture.Opaque() {
			return b.Bytes(), ".png", nil
		}
		b.Reset()
	}
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: jpegQuality}); err != nil {
		return nil, "", fmt.Errorf("cannot be encoded: %w", err)
	}
	return b.Bytes(), ".jpg", nil
}

// shrink returns the picture at most widthLimit wide. sideways says that its
// height will be its width.
func shrink(from image.Image, sideways bool) *image.NRGBA {
	size := from.Bounds().Size()
	shown := size.X
	if sideways {
		shown = size.Y
	}
	if shown > widthLimit {
		size.X, size.Y = max(1, size.X*widthLimit/shown), max(1, size.Y*widthLimit/shown)
	}
	to := image.NewNRGBA(image.Rectangle{Max: size})
	if size == from.Bounds().Size() {
		draw.Draw(to, to.Bounds(), from, from.Bounds().Min, draw.Src)
	} else {
		draw.CatmullRom.Scale(to, to.Bounds(), from, from.Bounds(), draw.Src, nil)
	}
	return to
}

// writeFile puts a file into dir whole or not at all: a reader's mail program
// may ask for it at any moment.
func writeFile(dir, name string, content []byte) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temp.Name()))
		}
	}()
	_, err = temp.Write(content)
	if err == nil {
		err = temp.Chmod(0o644)
	}
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), filepath.Join(dir, name))
}

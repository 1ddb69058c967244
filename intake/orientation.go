package intake

import (
	"bytes"
	"encoding/binary"
	"image"
)

// Cameras write a picture as the sensor saw it and note how it was held; a
// picture that loses the note must be turned first.

// orientation returns the EXIF orientation of a JPEG, 1 to 8; 1, upright, for
// anything else.
//
// CIPA DC-008 (Exif 2.32), section 4.6.4: tag 0x0112 of the first directory.
func orientation(source []byte) int {
	const upright = 1
	if !bytes.HasPrefix(source, []byte{0xff, 0xd8}) {
		return upright
	}
	for rest := source[2:]; len(rest) >= 4 && rest[0] == 0xff; {
		length := int(binary.BigEndian.Uint16(rest[2:4]))
		if rest[1] == 0xda || length < 2 || len(rest) < 2+length {
			return upright // the pixels begin, or the segment is torn
		}
		segment := rest[4 : 2+length]
		if rest[1] == 0xe1 && bytes.HasPrefix(segment, []byte("Exif\x00\x00")) {
			if n := exifOrientation(segment[6:]); n >= 1 && n <= 8 {
				return n
			}
			return upright
		}
		rest = rest[2+length:]
	}
	return upright
}

// exifOrientation returns the orientation in a TIFF structure, or 0.
func exifOrientation(tiff []byte) int {
	const (
		header = 8
		entry  = 12
		tag    = 0x0112
	)
	if len(tiff) < header {
		return 0
	}
	var order binary.ByteOrder = binary.BigEndian
	if bytes.HasPrefix(tiff, []byte("II")) {
		order = binary.LittleEndian
	}
	at := uint64(order.Uint32(tiff[4:8]))
	if at+2 > uint64(len(tiff)) {
		return 0
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at : at+2]) {
		if len(entries) < entry {
			return 0
		}
		if order.Uint16(entries[:2]) == tag {
			return int(order.Uint16(entries[8:10]))
		}
		entries = entries[entry:]
	}
	return 0
}

// turnsSide reports whether width and height change places.
func turnsSide(orientation int) bool { return orientation >= 5 }

// turn returns the picture upright.
func turn(from *image.NRGBA, orientation int) *image.NRGBA {
	if orientation == 1 {
		return from
	}
	w, h := from.Bounds().Dx(), from.Bounds().Dy()
	size := image.Pt(w, h)
	if turnsSide(orientation) {
		size = image.Pt(h, w)
	}
	to := image.NewNRGBA(image.Rectangle{Max: size})
	for y := range size.Y {
		for x := range size.X {
			var sx, sy int // where the pixel at x, y comes from
			switch orientation {
			case 2:
				sx, sy = w-1-x, y
			case 3:
				sx, sy = w-1-x, h-1-y
			case 4:
				sx, sy = x, h-1-y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, h-1-x
			case 7:
				sx, sy = w-1-y, h-1-x
			default: // 8
				sx, sy = w-1-y, x
			}
			copy(to.Pix[to.PixOffset(x, y):][:4], from.Pix[from.PixOffset(sx, sy):][:4])
		}
	}
	return to
}

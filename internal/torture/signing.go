//go:build unix

package main

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// writeKey writes a private key into a file and returns its name.
func (s *shop) writeKey(name string, key crypto.Signer) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	file := filepath.Join(s.folder, name+".pem")
	return file, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// keys makes a key of each kind that DKIM knows.
func (s *shop) keys() (rsaFile, edFile string, key *rsa.PrivateKey, err error) {
	if key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return "", "", nil, err
	}
	if rsaFile, err = s.writeKey("rsa", key); err != nil {
		return "", "", nil, err
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", nil, err
	}
	edFile, err = s.writeKey("ed25519", ed)
	return rsaFile, edFile, key, err
}

// signatures returns how many signatures a second this machine makes with key
// if it does nothing else: no program that signs every message can send more.
func signatures(key *rsa.PrivateKey) (perSecond float64, err error) {
	const span = 3 * time.Second
	var made atomic.Int64
	var first atomic.Pointer[error]
	var workers sync.WaitGroup
	began := time.Now()
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			digest := sha256.Sum256([]byte("header"))
			for time.Since(began) < span {
				if _, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:]); err != nil {
					first.CompareAndSwap(nil, &err)
					return
				}
				made.Add(1)
			}
		})
	}
	workers.Wait()
	if e := first.Load(); e != nil {
		return 0, *e
	}
	return float64(made.Load()) / time.Since(began).Seconds(), nil
}

package main

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/spf13/viper"

	"github.com/zotpaper/zotpaper"
)

// loadConfig reads the configuration in file over the defaults.
func loadConfig(file string, environ []string) (*Config, error) {
	v := viper.NewWithOptions(viper.KeyDelimiter("::"))
	v.SetConfigType("yaml")
	if err := v.ReadConfig(bytes.NewReader(zotpaper.ConfigYAML)); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := v.MergeConfig(bytes.NewReader(text)); err != nil {
		return nil, err
	}
	c := &Config{File: file}
	if err := v.UnmarshalExact(c); err != nil {
		return nil, err
	}
	if c.Publication.Zone, err = time.LoadLocation(c.Publication.Timezone); err != nil {
		return nil, err
	}
	for i := range c.Slots {
		if c.Slots[i].Cron, err = cron.ParseStandard(c.Slots[i].Schedule); err != nil {
			return nil, err
		}
	}
	if c.Web.Secret, err = os.ReadFile(c.Web.SecretFile); err != nil {
		return nil, fmt.Errorf("web.secret_file: %w", err)
	}
	return c, nil
}

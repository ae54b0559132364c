// System calls from goroutines that are preempted, with pipes, files and signals.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

func check(ok bool, what string) {
	if !ok {
		fmt.Println("wrong:", what)
		os.Exit(1)
	}
}

func main() {
	parent, self := os.Getppid(), os.Getpid()
	caught := make(chan os.Signal, 64)
	signal.Notify(caught, syscall.SIGUSR1)
	stop := make(chan bool)
	for i := 0; i < 2; i++ { // never call anything: they leave their processor by preemption alone
		go func() {
			for n := 0; ; n++ {
				if n&0xffffff == 0 {
					select {
					case <-stop:
						return
					default:
					}
				}
			}
		}()
	}
	var all sync.WaitGroup
	for g := 0; g < 4; g++ {
		all.Add(1)
		go func() {
			defer all.Done()
			r, w, err := os.Pipe()
			check(err == nil, "pipe")
			buf := make([]byte, 8)
			for i := 0; i < 2000; i++ {
				check(os.Getppid() == parent && os.Getpid() == self, "getppid")
				n, err := w.Write([]byte("12345678"))
				check(n == 8 && err == nil, "write")
				n, err = r.Read(buf)
				check(n == 8 && err == nil && string(buf) == "12345678", "read")
				if i%200 == 0 {
					syscall.Kill(self, syscall.SIGUSR1)
					time.Sleep(time.Millisecond)
					runtime.GC()
				}
			}
			r.Close()
			w.Close()
		}()
	}
	all.Wait()
	close(stop)
	<-caught
	fmt.Println("done")
}

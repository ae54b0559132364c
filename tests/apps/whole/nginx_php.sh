# nginx with a master and workers, over AF_UNIX; php-fpm behind it; reload, and a worker that is killed.
set -e
S=$(mktemp -d "$PWD/sXXXXXX"); D=$PWD
mkdir -p www; echo 'hello' >www/index.html; head -c 300000 /dev/zero | tr '\0' x >www/large
echo '<?php echo "php ", 6 * 7, " ", $_SERVER["QUERY_STRING"], " ", strlen(file_get_contents("php://input")), "\n";' >www/a.php
cat >nginx.conf <<E
daemon on; worker_processes 2; pid $S/nginx.pid; error_log $D/error.log;
events { worker_connections 64; }
http {
	access_log $D/access.log; client_body_temp_path $S/body; proxy_temp_path $S/proxy; fastcgi_temp_path $S/fcgi; uwsgi_temp_path $S/u; scgi_temp_path $S/s;
	server { listen unix:$S/web; root $D/www; sendfile on;
		location ~ \.php$ { fastcgi_pass unix:$S/fpm; fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name; fastcgi_param REQUEST_METHOD \$request_method; fastcgi_param QUERY_STRING \$query_string; fastcgi_param CONTENT_LENGTH \$content_length; fastcgi_param CONTENT_TYPE \$content_type; } }
}
E
cat >fpm.conf <<E
[global]
pid = $S/fpm.pid
error_log = $D/fpm.log
daemonize = yes
[www]
listen = $S/fpm
pm = dynamic
pm.max_children = 4
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
E
trap 'kill $(cat $S/nginx.pid $S/fpm.pid 2>/dev/null) 2>/dev/null; rm -rf $S' EXIT
php-fpm8.2 -y fpm.conf -n $([ "$(id -u)" = 0 ] && echo -R)
nginx -c "$D/nginx.conf" -e "$D/error.log" 2>/dev/null
get() { python3 -c '
import http.client, socket, sys
c = http.client.HTTPConnection("x"); c.sock = socket.socket(socket.AF_UNIX); c.sock.connect(sys.argv[1])
c.request("POST" if len(sys.argv) > 3 else "GET", sys.argv[2], body=sys.argv[3].encode() if len(sys.argv) > 3 else None)
r = c.getresponse(); b = r.read(); print(r.status, len(b), b[:40])' $S/web "$@"; }
until [ -S $S/fpm ] && [ -S $S/web ]; do sleep 0.05; done
get /index.html; get /large; get /missing; get '/a.php?q=1'; get /a.php "$(printf 'b%.0s' $(seq 5000))"
python3 -c '
import http.client, socket, sys, threading
bad = []
def work():
    for i in range(20):
        c = http.client.HTTPConnection("x"); c.sock = socket.socket(socket.AF_UNIX); c.sock.connect(sys.argv[1])
        c.request("GET", "/large" if i % 2 else "/a.php?%d" % i); r = c.getresponse(); b = r.read()
        if r.status != 200 or (i % 2 and len(b) != 300000): bad.append((r.status, len(b)))
t = [threading.Thread(target=work) for _ in range(8)]
[x.start() for x in t]; [x.join() for x in t]; print("bad", bad)' $S/web
workers() { ps -o pid=,ppid= -A | awk -v m="$(cat $S/nginx.pid)" '$2 == m { print $1 }'; }
old=$(workers); kill -HUP "$(cat $S/nginx.pid)"
until new=$(workers); [ "$(echo "$new" | wc -l)" = 2 ] && ! echo "$new" | grep -qxF "$old"; do sleep 0.05; done
get /index.html
victim=$(workers | head -n 1); kill -9 "$victim"; until [ "$(workers | wc -l)" = 2 ] && ! workers | grep -qx "$victim"; do sleep 0.05; done
get /index.html
m=$(cat $S/nginx.pid); kill -QUIT "$m"; while [ -e /proc/$m ]; do sleep 0.05; done
grep -c ' 200 ' access.log; grep -oE 'exited on signal 9|\[alert\] [0-9]+#[0-9]+: [a-z ]+$' error.log | sort -u

#!/usr/bin/env bash
# shell_smoke.sh LACUNA DEMO OUT: opens the demo on an X server of its own, prunes it with keys and the mouse, exports
# it, and keeps a screenshot of each moment in OUT. Exit status 77: something it needs is not installed.
set -euo pipefail
lacuna=$1 demo=$2 out=$3

for tool in xvfb-run xdotool import identify; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed (Debian: xvfb, xdotool, imagemagick)"; exit 77; }
done
if [[ -z ${LACUNA_SMOKE_DISPLAY:-} ]]; then
    exec env LACUNA_SMOKE_DISPLAY=1 xvfb-run -a -s "-screen 0 1280x800x24" "$0" "$@"
fi

rm -rf "$out"
mkdir -p "$out/home"
export XDG_CONFIG_HOME=$out/home XDG_DATA_HOME=$out/home XDG_RUNTIME_DIR=$out/home QT_QPA_PLATFORM=xcb
chmod 700 "$out/home"
cp "$demo/digits_cnn.safetensors" "$out/model.safetensors"

"$lacuna" "$out/model.safetensors" --theme light 2>"$out/stderr.txt" &
program=$!
trap 'kill $program 2>/dev/null || true' EXIT

fail() {
    echo "failed: $1"
    cat "$out/stderr.txt"
    exit 1
}
# Waits until a command succeeds, at most 30 s.
until_true() {
    for _ in $(seq 300); do
        "${@:2}" && return
        kill -0 $program 2>/dev/null || fail "lacuna ended early"
        sleep 0.1
    done
    fail "$1"
}
window() { id=$(xdotool search --onlyvisible --name "$1" 2>/dev/null | head -1) && [[ -n $id ]]; }
picture() {
    sleep 0.5
    import -window root "$out/$1.png"
    (($(identify -format %k "$out/$1.png") > 200)) || fail "$1.png has next to no colours"
}
# There is no window manager: keys go where the focus is put, and through XTEST, not to a window of our choice: a
# release that went to the wrong one would make the key repeat.
focused() { xdotool windowfocus --sync "$1" 2>/dev/null; }
changed() { ! cmp -s "$out/$1.png" "$out/$2.png"; }

until_true "the model did not open" window "model.safetensors"
main=$id
xdotool windowsize "$main" 1280 800 windowmove "$main" 0 0
focused "$main"
picture opened

# All prunable tensors; Weight norm is the last entry of the sparsifier's list.
xdotool key ctrl+shift+a
sleep 0.5
xdotool mousemove 1130 182 click 1
sleep 0.7
xdotool key End Return
sleep 1
picture chosen
changed opened chosen || fail "choosing a sparsifier changed nothing"

focused "$main"
xdotool key ctrl+Return
sleep 1
picture stepped
changed chosen stepped || fail "stepping changed nothing"

xdotool key ctrl+e
until_true "the export dialog did not open" window "Export pruned model"
focused "$id"
picture export
xdotool key Return
until_true "nothing was exported" test -s "$out/model-pruned.safetensors"
focused "$main"
picture exported

xdotool key ctrl+q
for _ in $(seq 100); do
    kill -0 $program 2>/dev/null || break
    sleep 0.1
done
kill -0 $program 2>/dev/null && fail "Ctrl+Q did not end it"
trap - EXIT
wait $program || fail "lacuna left with status $?"

// Structures in three dimensions: which one and which frame stands in the address, so that every link can show one.
"use strict";
(() => {
  const BOND = 1.15; // sums of covalent radii within which atoms are joined
  const MANY = 3000; // atoms, from which on none are joined: it would take longer than one likes to wait
  const FEW = 16; // atoms of a crystal, up to which those on its faces are drawn on both sides
  const ON_FACE = 0.3; // Å from a face, within which they are on it
  const MOST = 20000; // atoms that repetitions of a cell may come to
  const PACE = 70; // milliseconds for a frame
  const [CAMERA, FIELD] = [150, 20]; // of 3Dmol: place on the line of sight, degrees from there to the right edge

  const { elements, structures, first } = JSON.parse(document.getElementById("scene").textContent);
  const part = Object.fromEntries(
    ["viewer", "canvas", "message", "structure", "previous", "next", "player", "play", "frame", "label", "views",
      "style", "repeat", "save", "about", "picked"].map((id) => [id, document.getElementById(id)]));
  for (const structure of structures) { // frames say what they are made of only where that has changed
    structure.frames.forEach((frame, i) => { structure.frames[i] = { ...structure.frames[i - 1], ...frame }; });
  }

  let viewer;
  try {
    const trial = document.createElement("canvas");
    if (!trial.getContext("webgl2") && !trial.getContext("webgl")) throw new Error("no WebGL");
    viewer = $3Dmol.createViewer(part.canvas, {
      backgroundColor: "white", antialias: true, orthographic: true, disableFog: true,
    });
  } catch (error) {
    part.message.textContent = "This browser cannot draw in three dimensions: it has no WebGL, or it is switched off.";
    part.viewer.classList.add("broken");
    return;
  }
  part.message.remove();

  const now = { structure: 0, frame: 0, repeat: 1, timer: null, picked: [], atoms: [] };

  // Vectors.
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  const times = (s, a) => [s * a[0], s * a[1], s * a[2]];
  const sum = (...vectors) => vectors.reduce((a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]], [0, 0, 0]);
  const unit = (a) => times(1 / Math.sqrt(dot(a, a)), a);
  const point = (a) => ({ x: a[0], y: a[1], z: a[2] });

  // Edges of the cell; Cartesian ones in place of those that are missing.
  function axes(cell) {
    const rows = [cell.slice(0, 3), cell.slice(3, 6), cell.slice(6, 9)];
    const whole = Math.abs(dot(rows[0], cross(rows[1], rows[2]))) > 1e-6;
    return { rows, whole, along: whole ? rows : [[1, 0, 0], [0, 1, 0], [0, 0, 1]] };
  }

  const isCrystal = (frame) => axes(frame.cell).whole && frame.pbc.every(Boolean);

  // Atoms to draw, with their images in a cell that is repeated `count` times where it is periodic.
  function drawn(frame, count) {
    const { rows, whole } = axes(frame.cell);
    const numbers = frame.pbc.map((periodic) => (periodic && whole ? count : 1));
    const frozen = new Set(frame.frozen);
    const atoms = [];
    const ranges = frame.numbers.map(() => numbers.map((n) => [...Array(n).keys()]));
    if (isCrystal(frame) && frame.numbers.length <= FEW) {
      const volume = dot(rows[0], cross(rows[1], rows[2]));
      const dual = [0, 1, 2].map((axis) => times(1 / volume, cross(rows[(axis + 1) % 3], rows[(axis + 2) % 3])));
      frame.numbers.forEach((_, index) => dual.forEach((along, axis) => {
        const height = 1 / Math.sqrt(dot(along, along)); // of the cell, and then of the atom in it
        const place = height * dot(along, frame.positions.slice(3 * index, 3 * index + 3));
        if (Math.abs(place) < ON_FACE) ranges[index][axis].push(count);
        else if (Math.abs(place - height) < ON_FACE) ranges[index][axis].push(-1);
      }));
    }
    frame.numbers.forEach((number, index) => {
      const at = frame.positions.slice(3 * index, 3 * index + 3);
      if (at.includes(null)) return;
      const [first, second, third] = ranges[index];
      for (const i of first) for (const j of second) for (const k of third) {
        const shift = sum(times(i, rows[0]), times(j, rows[1]), times(k, rows[2]));
        atoms.push({ number, index, frozen: frozen.has(index), at: sum(at, shift) });
      }
    });
    return atoms;
  }

  // Pairs of atoms that are near enough, found among those sorted along x.
  function join(atoms) {
    const bonds = atoms.map(() => []);
    const radius = atoms.map((atom) => elements[atom.number].radius);
    const reach = 2 * BOND * Math.max(0, ...radius);
    const order = atoms.map((_, i) => i).sort((i, j) => atoms[i].at[0] - atoms[j].at[0]);
    for (let m = 0; m < order.length; m++) {
      for (let n = m + 1; n < order.length; n++) {
        const [i, j] = [order[m], order[n]];
        if (atoms[j].at[0] - atoms[i].at[0] > reach) break;
        const apart = minus(atoms[i].at, atoms[j].at);
        if (dot(apart, apart) < (BOND * (radius[i] + radius[j])) ** 2) { bonds[i].push(j); bonds[j].push(i); }
      }
    }
    return bonds;
  }

  // Atoms that do not move are paler.
  function colour(atom) {
    const full = parseInt(elements[atom.number].colour.slice(1), 16);
    const channels = [full >> 16, (full >> 8) & 255, full & 255];
    const mixed = channels.map((c) => (atom.frozen ? Math.round(0.45 * c + 0.55 * 255) : c));
    return (mixed[0] << 16) | (mixed[1] << 8) | mixed[2];
  }

  function draw() {
    const frame = structures[now.structure].frames[now.frame];
    const atoms = drawn(frame, now.repeat);
    now.atoms = atoms;
    const sticks = part.style.value === "sticks";
    const bonds = sticks && atoms.length <= MANY ? join(atoms) : atoms.map(() => []);
    viewer.removeAllModels();
    viewer.removeAllShapes();
    viewer.removeAllLabels();
    viewer.addModel().addAtoms(atoms.map((atom, i) => {
      const { symbol, radius } = elements[atom.number];
      const color = colour(atom);
      const style = { sphere: { radius: radius * (sticks ? 0.5 : 0.85), color } };
      if (sticks) style.stick = { radius: 0.12, color };
      return {
        ...point(atom.at), elem: symbol, serial: i, index: i, style, bonds: bonds[i], bondOrder: bonds[i].map(() => 1),
      };
    }));
    viewer.setClickable({}, true, (clicked) => pick(atoms[clicked.serial]));
    drawCell(frame.cell);
    now.picked.forEach((atom, i) => viewer.addLabel(String(i + 1), {
      position: point(atom.at), fontSize: 12, backgroundOpacity: 0.7, inFront: true, alignment: "center",
    }));
    viewer.render();
  }

  function cornersOf(cell) {
    const { rows } = axes(cell);
    return [0, 1, 2, 3, 4, 5, 6, 7].map((n) => sum(...rows.map((row, axis) => times((n >> axis) & 1, row))));
  }

  function drawCell(cell) {
    const { rows, whole } = axes(cell);
    if (!whole) return;
    for (let axis = 0; axis < 3; axis++) {
      const [one, other] = [rows[(axis + 1) % 3], rows[(axis + 2) % 3]];
      for (const corner of [[0, 0, 0], one, other, sum(one, other)]) {
        viewer.addLine({ start: point(corner), end: point(sum(corner, rows[axis])), color: 0x888888 });
      }
    }
  }

  // Turn so that `right` and `toward` the reader point where they should, as far as they are at right angles.
  function turn(right, toward) {
    const z = unit(toward);
    const x = unit(minus(right, times(dot(right, z), z)));
    const y = cross(z, x);
    const trace = x[0] + y[1] + z[2];
    let q; // of the matrix with rows x, y, z
    if (trace > 0) {
      const s = 2 * Math.sqrt(trace + 1);
      q = [(z[1] - y[2]) / s, (x[2] - z[0]) / s, (y[0] - x[1]) / s, s / 4];
    } else if (x[0] > y[1] && x[0] > z[2]) {
      const s = 2 * Math.sqrt(1 + x[0] - y[1] - z[2]);
      q = [s / 4, (x[1] + y[0]) / s, (x[2] + z[0]) / s, (z[1] - y[2]) / s];
    } else if (y[1] > z[2]) {
      const s = 2 * Math.sqrt(1 + y[1] - x[0] - z[2]);
      q = [(x[1] + y[0]) / s, s / 4, (y[2] + z[1]) / s, (x[2] - z[0]) / s];
    } else {
      const s = 2 * Math.sqrt(1 + z[2] - x[0] - y[1]);
      q = [(x[2] + z[0]) / s, (y[2] + z[1]) / s, s / 4, (y[0] - x[1]) / s];
    }
    viewer.setView([...viewer.getView().slice(0, 4), ...q]);
    fit();
  }

  // Move and zoom so that the atoms fill the canvas from where they are looked at.
  function fit() {
    if (!now.atoms.length) return;
    const [u, w] = [viewer.getView().slice(4, 7), viewer.getView()[7]];
    const rotated = (a, sign) => {
      const t = times(2 * sign, cross(u, a));
      return sum(a, times(w, t), times(sign, cross(u, t)));
    };
    const frame = structures[now.structure].frames[now.frame];
    const corners = isCrystal(frame) ? cornersOf(frame.cell) : []; // the vacuum beside a slab is none of interest
    const seen = [...now.atoms.map((atom) => atom.at), ...corners].map((at) => rotated(at, 1));
    const [low, high] = [Math.min, Math.max].map((best) =>
      [0, 1, 2].map((axis) => seen.reduce((found, a) => best(found, a[axis]), seen[0][axis])));
    const margin = 1.5 + 0.03 * Math.max(...minus(high, low));
    const size = times(0.5, minus(high, low)).map((half) => half + margin);
    const aspect = part.canvas.clientWidth / part.canvas.clientHeight;
    const width = Math.max(size[0], size[1] * aspect);
    const centre = rotated(times(0.5, sum(low, high)), -1);
    const deep = 1000 + 10 * width; // nothing is cut off in front or behind
    viewer.setSlab(-deep, deep);
    viewer.setView([...times(-1, centre), CAMERA - width / Math.tan((FIELD * Math.PI) / 180), ...u, w, 0, 0]);
  }

  const VIEWS = {
    a: ([a, b, c]) => turn(cross(c, a), a),
    b: ([a, b, c]) => turn(cross(b, c), times(-1, b)),
    c: ([a, , c]) => turn(a, c),
    tilted: ([a, , c]) => {
      const [up, right] = [unit(c), unit(minus(a, times(dot(a, unit(c)), unit(c))))];
      const front = cross(right, up);
      turn(sum(right, times(-0.35, front)), sum(front, times(0.35, right), times(0.35, up)));
    },
  };
  const look = (view) => VIEWS[view](axes(structures[now.structure].frames[now.frame].cell).along);

  // What was clicked: an atom, the distance of two, the angle of three.
  function pick(atom) {
    if (now.picked.length === 3) now.picked = [];
    now.picked.push(atom);
    const [one, two, three] = now.picked;
    const name = ({ number, index }) => `${elements[number].symbol} ${index}`;
    const at = `${name(atom)}${atom.frozen ? " (frozen)" : ""} at ${atom.at.map((x) => x.toFixed(3)).join(", ")} Å`;
    const texts = [at];
    if (two) texts.push(`${name(one)} to ${name(two)}: ${Math.hypot(...minus(one.at, two.at)).toFixed(3)} Å`);
    if (three) {
      const cosine = dot(unit(minus(one.at, two.at)), unit(minus(three.at, two.at)));
      const angle = (Math.acos(Math.max(-1, Math.min(1, cosine))) * 180) / Math.PI;
      texts.push(`${name(one)}, ${name(two)}, ${name(three)}: ${angle.toFixed(2)}°`);
    }
    part.picked.textContent = texts.join(" · ");
    draw();
  }

  function forget() {
    now.picked = [];
    part.picked.textContent = "Click an atom for its number and place, two for their distance, three for their angle.";
  }

  // The row that belongs to what is shown: of this frame, or of the last one before it that has a row.
  function mark() {
    let found = null;
    for (const row of document.querySelectorAll("tr[data-show]")) {
      const [structure, frame] = row.dataset.show.split(".").map(Number);
      row.classList.remove("shown");
      if (structure !== now.structure || frame > now.frame) continue;
      if (!found || frame > Number(found.dataset.show.split(".")[1])) found = row;
    }
    if (!found) return;
    found.classList.add("shown");
    const box = found.closest(".scroll");
    const below = found.offsetTop - box.scrollTop; // of the table's top, where its heading stays
    if (below < box.querySelector("thead").offsetHeight || below + found.offsetHeight > box.clientHeight) {
      box.scrollTop = found.offsetTop - box.clientHeight / 2;
    }
  }

  function showFrame(number) {
    const { frames, labels } = structures[now.structure];
    now.frame = number;
    part.frame.value = number;
    part.label.textContent = labels[number] ?? `${number + 1} of ${frames.length}`;
    forget();
    draw();
    mark();
  }

  function showStructure(number, frame) {
    stop();
    const structure = structures[number];
    const before = structures[now.structure].frames[now.frame].cell;
    now.structure = number;
    now.frame = Math.min(frame, structure.frames.length - 1);
    part.structure.value = number;
    part.player.hidden = structure.frames.length < 2;
    part.frame.max = structure.frames.length - 1;
    offerRepetitions();
    about();
    showFrame(now.frame);
    const cell = structure.frames[now.frame].cell;
    if (String(cell) === String(before)) return true; // what is alike is compared from where one stands
    look("tilted");
    return false;
  }

  function about() {
    const { caption, frames } = structures[now.structure];
    const { formula, frozen, numbers } = frames[now.frame];
    const texts = [formula, numbers.length === 1 ? "1 atom" : `${numbers.length} atoms`];
    if (frozen.length) texts.push(`${frozen.length} frozen ones paler`);
    if (caption) texts.push(caption);
    part.about.textContent = texts.join(" · ");
  }

  function offerRepetitions() {
    const { numbers, pbc, cell } = structures[now.structure].frames[now.frame];
    const directions = axes(cell).whole ? pbc.filter(Boolean).length : 0;
    const possible = [1, 2, 3].filter((n) => n === 1 || (directions && numbers.length * n ** directions <= MOST));
    if (!possible.includes(now.repeat)) now.repeat = 1;
    part.repeat.replaceChildren(...possible.map((n) => new Option(pbc.map((p) => (p ? n : 1)).join(" × "), n)));
    part.repeat.value = now.repeat;
    part.repeat.hidden = possible.length === 1;
  }

  function stop() {
    clearInterval(now.timer);
    now.timer = null;
    part.play.textContent = "▶";
    part.play.title = "Play";
  }

  function play() {
    const { frames, loops } = structures[now.structure];
    if (now.frame === frames.length - 1) showFrame(0);
    now.timer = setInterval(() => {
      if (now.frame < frames.length - 1) showFrame(now.frame + 1);
      else if (loops) showFrame(0);
      else stop();
    }, PACE);
    part.play.textContent = "❚❚";
    part.play.title = "Pause";
  }

  function follow() {
    const found = location.hash.match(/^#structure-(\d+)(?:\.(\d+))?$/);
    if (!found || !structures[found[1]]) return;
    showStructure(Number(found[1]), Number(found[2] ?? 0));
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (structures[now.structure].loops && !still) play();
  }

  const go = (number) => { location.hash = `structure-${(number + structures.length) % structures.length}.0`; };
  part.structure.replaceChildren(...structures.map(({ name }, i) => new Option(name, i)));
  part.structure.addEventListener("change", () => go(Number(part.structure.value)));
  part.previous.addEventListener("click", () => go(now.structure - 1));
  part.next.addEventListener("click", () => go(now.structure + 1));
  part.previous.hidden = part.next.hidden = structures.length < 2;
  part.frame.addEventListener("input", () => { stop(); showFrame(Number(part.frame.value)); });
  part.play.addEventListener("click", () => (now.timer === null ? play() : stop()));
  part.style.addEventListener("change", draw);
  part.repeat.addEventListener("change", () => {
    now.repeat = Number(part.repeat.value);
    forget();
    draw();
    fit();
  });
  part.views.addEventListener("click", (event) => event.target.dataset.view && look(event.target.dataset.view));
  part.save.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = viewer.pngURI();
    link.download = "structure.png";
    link.click();
  });
  new ResizeObserver(() => viewer.resize()).observe(part.canvas);
  addEventListener("hashchange", follow);

  showStructure(...first);
  look("tilted");
  follow();
})();

// A recording of pictures, one per frame.

class Film {
  views = [];
  marks = [];

  constructor({ images }) {
    this.frames = images.data.length;
    [this.height, this.width] = images.shape;
    this.pictures = images.data.map((code, i) => {
      const picture = new Image();
      picture.src = `data:${images.mime};base64,${code ?? images.data[this.original(images.data, i)]}`;
      return picture;
    });
  }

  /** A picture equal to the one before is not stored again. */
  original(data, i) {
    while (data[i] === null) i -= 1;
    return i;
  }

  draw(ctx, width, height, frame) {
    ctx.fillStyle = "#080c15";
    ctx.fillRect(0, 0, width, height);
    const picture = this.pictures[Math.floor(frame)];
    const scale = Math.min(width / this.width, height / this.height);
    if (!picture.complete) return true;
    ctx.imageSmoothingEnabled = scale < 2; // small pictures stay crisp
    const [w, h] = [this.width * scale, this.height * scale];
    ctx.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
    return false;
  }
}

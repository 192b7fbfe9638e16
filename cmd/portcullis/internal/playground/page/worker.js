
// The worker runs the engine, so that the page stays usable and can end a question.
onmessage = async ({data}) => {
  if (data.module) {
    const go = new Go();
    const instance = await WebAssembly.instantiate(data.module, go.importObject);
    go.run(instance).then(() => postMessage({ended: true})); // it ends by itself only if it fails
    postMessage({ready: true});
    return;
  }
  portcullis(data.args, data.input, (status, stdout, stderr) => postMessage({answer: {status, stdout, stderr}}));
};

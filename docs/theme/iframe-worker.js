/* Browsers start no worker in a page that is opened from a folder, and search needs one: there, a
   hidden frame runs its script. The file's name keeps mkdocs from loading such code from elsewhere. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.title = "search";
      document.body.appendChild(this.frame);
      window.addEventListener("message", (event) => {
        if (event.source !== this.frame.contentWindow) return;
        this.dispatchEvent(new MessageEvent("message", { data: event.data }));
      });
      const page = this.frame.contentDocument;
      page.open();
      page.write(
        "<script>postMessage = (data) => parent.dispatchEvent(" +
          "new MessageEvent('message', { data, source: window }));</" + "script>" +
          `<script src="${url}"></` + "script>",
      );
      page.close();
      this.ready = new Promise((done) => (this.frame.onload = done));
    }
    postMessage(data) {
      this.ready.then(() => {
        this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
      });
    }
    terminate() {
      this.frame.remove();
    }
  };
}

// The pages work without this. It filters as soon as something is chosen, and
// a moment after something is typed.
"use strict";
const form = document.querySelector("form.filter");
if (form) {
  let timer;
  const submit = () => form.requestSubmit();
  form.addEventListener("change", submit);
  form.elements.q.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(submit, 500);
  });
  if (form.elements.q.value) {
    form.elements.q.focus();
    form.elements.q.setSelectionRange(form.elements.q.value.length, form.elements.q.value.length);
  }
  // Empty fields do not belong into the address.
  form.addEventListener("formdata", (event) => {
    for (const [key, value] of [...event.formData]) {
      if (!value) event.formData.delete(key);
    }
  });
}

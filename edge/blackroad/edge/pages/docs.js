// Shows the OpenAPI document: each route with its parameters, bodies and answers, and a form to try it.
const main = document.querySelector("#routes");

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function tryIt(method, path, route) {
  const form = element("form");
  const fields = (route.parameters ?? []).filter(({ in: where }) => where !== "header").map((parameter) => {
    const input = element("input");
    input.name = parameter.name;
    input.required = Boolean(parameter.required);
    form.append(element("label", `${parameter.name} `, input));
    return { parameter, input };
  });
  const body = route.requestBody ? element("textarea") : null;
  if (body) form.append(element("label", "body ", body));
  const output = element("pre");
  form.append(element("button", "Try it"), output);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let address = path;
    const query = new URLSearchParams();
    for (const { parameter, input } of fields) {
      if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value) query.set(parameter.name, input.value);
    }
    const options = { method: method.toUpperCase() };
    if (body?.value) Object.assign(options, { body: body.value, headers: { "Content-Type": "application/json" } });
    output.textContent = "…";
    const answer = await fetch(query.size ? `${address}?${query}` : address, options);
    output.textContent = `${answer.status}\n`;
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader?.read(); part && !part.done; part = await reader.read()) {
      output.textContent = (output.textContent + part.value).slice(-20000);
    }
  });
  return form;
}

function show(method, path, route) {
  const details = element("details");
  details.append(element("summary", `${method.toUpperCase()} ${path} — ${route.summary ?? ""}`));
  if (route.description) details.append(element("p", route.description));
  for (const [status, answer] of Object.entries(route.responses ?? {})) {
    details.append(element("p", `${status}: ${answer.description ?? ""}`));
  }
  details.append(tryIt(method, path, route));
  return details;
}

const api = await (await fetch("/openapi.json")).json();
main.replaceChildren();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, route] of Object.entries(methods)) main.append(show(method, path, route));
}

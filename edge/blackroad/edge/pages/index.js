// Shows the agents, and what happens on agents, tasks, alerts and broadcast.
const LONGEST = 100;
const agents = document.querySelector("#agents");
const events = document.querySelector("#events");
const state = document.querySelector("#state");

function line(list, text) {
  const item = document.createElement("li");
  item.textContent = text;
  list.prepend(item);
  while (list.children.length > LONGEST) list.lastElementChild.remove();
}

async function showAgents() {
  const answer = await fetch("/v1/agents?page_size=500");
  if (!answer.ok) return;
  const { items } = await answer.json();
  agents.replaceChildren();
  for (const agent of items.reverse()) line(agents, `${agent.entity_id} ${agent.status}`);
}

const id = `page-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
const source = new EventSource(`/events/${id}?unnamed=true`);
source.addEventListener("open", () => { state.textContent = "connected"; showAgents(); });
source.addEventListener("error", () => { state.textContent = "reconnecting"; });
source.addEventListener("message", ({ data }) => {
  const event = JSON.parse(data);
  if (!event.type) return;
  const content = event.content === undefined ? "" : JSON.stringify(event.content);
  line(events, `${event.timestamp ?? ""} ${event.room ?? ""} ${event.type} ${content}`);
  if (event.type === "agent.status") showAgents();
});

import "./styles/index.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { keepOffline } from "./offline.ts";

const target = document.querySelector("#app");
if (target) mount(App, { target });
keepOffline();
